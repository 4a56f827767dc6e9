# SPDX-License-Identifier: MIT
# A boot sector that has SeaBIOS drive the disk: reads 40 times 8 sectors through
# int 13h, writes one back, reboots once (a mark on sector 1 says it has), and
# then turns q35 off. tests/lab/conformance assembles it.
	.code16
	.text
start:	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %ss
	movw	$0x7c00, %sp
	movb	%dl, drive - start + 0x7c00
	movw	$40, %cx
again:	pushw	%cx
	movb	$0x42, %ah
	call	disk
	addl	$8, 0x7c00 + lba - start
	popw	%cx
	loop	again
	movl	$1, 0x7c00 + lba - start
	movw	$1, 0x7c00 + count - start
	movb	$0x42, %ah
	call	disk
	cmpb	$'M', 0x8000
	je	off
	movb	$'M', 0x8000
	movb	$0x43, %ah
	call	disk
	movw	$0xcf9, %dx	# reset
	movb	$6, %al
	outb	%al, %dx
	hlt
off:	movw	$0x604, %dx	# ACPI: soft off
	movw	$0x2000, %ax
	outw	%ax, %dx
	hlt
disk:	movb	$0, %al
	movb	0x7c00 + drive - start, %dl
	movw	$0x7c00 + packet - start, %si
	int	$0x13
	jc	bad
	ret
bad:	movw	$0x3f8, %dx
	movb	$'!', %al
	outb	%al, %dx
	cli
	hlt
drive:	.byte	0
	.balign	4
packet:	.byte	16, 0
count:	.word	8
	.word	0x8000, 0	# to offset, segment
lba:	.long	0, 0
	.org	510
	.word	0xaa55
