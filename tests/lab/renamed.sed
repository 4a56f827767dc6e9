# Words of output that were renamed: an old golden output, passed through this,
# is the new one (sed -E -f), but for the width of a column. Kept while the renaming lasts.
s/"taken":/"popped":/
s/kick to taken /kick to popped/
s/taken to used  /popped to used /
s/waiting to be taken/waiting to be popped/
s/\bpacked-taken-/packed-popped-/g
# A network command has a status (5.1.6.5).
s/("device_type":"net".*"event":"used".*"flags":1)(,"latency":[0-9]+,"request":\{[^{}]*"readable":[1-9][0-9]*,"writable":[1-9])/\1,"status":"OK"\2/
