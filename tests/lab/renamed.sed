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
# What rules say (decoder/check/rules): the sentences that golden outputs hold.
s/was written and device_status has not read 0/was written, but device_status has not read 0/
s/one write took several steps:/one write set several bits:/
s/is read in parts and config_generation has not been read before/is read in parts, but config_generation was not read before/
s/was read in parts and config_generation not read again after/was read in parts, but config_generation was not read again after/
s/is offered and was not accepted/is offered, but was not accepted/
s/: Each step of initialisation has its own status write;/: The driver sets each status bit in a write of its own;/
s/: After writing 0 the driver reads device_status until it is 0, before it goes on\./: After writing 0 to device_status the driver reads it until it is 0, before it does anything else./
s/: config_generation is read before a field that takes several reads\./: The driver reads config_generation before a field that it reads in several accesses./
s/: A field of more than 32 bits is read between/: The driver reads a field of more than 32 bits between/
s/: Without config_generation the capacity is read until/: Without config_generation the driver reads the capacity until/
s/; drivers that do not are common and keep to the old layout\./; many do not, and keep to the old layout./
s/: VIRTIO_F_RING_PACKED is accepted when it is offered\./: The driver accepts VIRTIO_F_RING_PACKED when the device offers it./
s/ before it negotiates features or sets up queues\./ before it negotiates features or enables a queue./
s/sets ACKNOWLEDGE before it goes on with the device\./sets ACKNOWLEDGE before it negotiates features or enables a queue./
s/In the legacy interface too the driver takes a reset as done when/In the legacy interface, too, the driver considers a reset complete when/
s/: A field is accessed in its own width and aligned, 64-bit ones by 32-bit halves\./: The driver accesses each field aligned and in its own width, and 64-bit fields as two 32-bit halves./
s/rings were looked at from beside, not by those who acted on them/ring states were read by an observer, not when the driver or the device acted/
s/; only counted from here on \(--all/; from here on only counted (--all/
# A session says which version of the JSON it begins.
s/^\{("ts":.*"event":"session")/{"json_version":2,\1/
s/"held":/"passed":/
s/kick>take take>used/ kick>pop  pop>used/
s/"untold":/"unreported":/
s/ taken back by reset/ cancelled by reset/
