# Words of output that were renamed: an old golden output, passed through this,
# is the new one (sed -E -f), but for the width of a column. Kept while the renaming lasts.
s/"taken":/"popped":/
s/kick to taken /kick to popped/
s/taken to used  /popped to used /
s/waiting to be taken/waiting to be popped/
s/\bpacked-taken-/packed-popped-/g
# A network command has a status (5.1.6.5).
s/("device_type":"net".*"event":"used".*"flags":1)(,"latency":[0-9]+,"request":\{[^{}]*"readable":[1-9][0-9]*,"writable":[1-9])/\1,"status":"OK"\2/
s/read data nobody knows \(/read data whose value is not known (/g
s/\(reading it back proves nothing\)/(later reads of it are not compared)/g
s/config_generation, whose number says nothing/config_generation, whose value is free/g
s/answers of a device type that vqtrace does not have: taken from the trace/answers taken from the trace, as vqtrace does not emulate this device/g
s/([0-9]+) answers taken over from the recorded surroundings/\1 disk errors and configuration changes repeated as recorded/
s/differences that were declared to be right/differences that were declared/
s/If the recorded disk failed, that is no fault of the device: say so with --io-errors, or with io-error in the declarations\./If the recorded disk failed, the device is not at fault: use --io-errors, or declare io-error./
