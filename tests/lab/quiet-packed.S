# SPDX-License-Identifier: MIT
# Like quiet-driver.S, on a packed ring: a boot sector that sets up queue 0 of the
# modern virtio-blk device at 00:04.0, makes one read available, and does not kick
# (KICK=1: it does). It lives on, reading the ISR status now and then. The places of
# the structures in BAR 4 are QEMU's. tests/full/sample_test.sh assembles it.
	.set	COMMON, 0
	.set	ISR, 0x1000
	.set	NOTIFY, 0x3000
	.set	RING, 0x10000		# eight descriptors, then the two areas
	.set	DRIVER, 0x10080
	.set	DEVICE, 0x10084
	.code16
	.text
start:	cli
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movw	$0x7c00, %sp
	lgdt	gdtr - start + 0x7c00	# all of memory in the reach of %fs
	movl	%cr0, %eax
	orb	$1, %al
	movl	%eax, %cr0
	movw	$8, %bx
	movw	%bx, %fs
	andb	$0xfe, %al
	movl	%eax, %cr0
	movl	$0x80002020, %eax	# BAR 4
	movw	$0xcf8, %dx
	outl	%eax, %dx
	movw	$0xcfc, %dx
	inl	%dx, %eax
	andl	$0xfffffff0, %eax
	movl	%eax, %esi
	movb	$0, %fs:20(%esi)	# device_status
awaits:	cmpb	$0, %fs:20(%esi)
	jne	awaits
	movb	$1, %fs:20(%esi)
	movb	$3, %fs:20(%esi)
	movl	$0, %fs:(%esi)		# device_feature_select
	movl	%fs:4(%esi), %eax	# device_feature: none of these is wanted
	movl	$0, %fs:8(%esi)		# driver_feature_select
	movl	$0, %fs:12(%esi)
	movl	$1, %fs:(%esi)
	movl	%fs:4(%esi), %eax
	movl	$1, %fs:8(%esi)
	andl	$5, %eax		# VERSION_1, RING_PACKED
	movl	%eax, %fs:12(%esi)
	movb	$11, %fs:20(%esi)
	testb	$8, %fs:20(%esi)	# FEATURES_OK
	jz	bad
	movl	$RING, %ebx		# the ring, and all it points to
	movw	$0x100, %cx
clear:	movl	$0, %fs:(%ebx)
	addl	$4, %ebx
	loop	clear
	movw	$0, %fs:22(%esi)	# queue_select
	movw	$8, %fs:24(%esi)	# queue_size
	movl	$RING, %fs:32(%esi)
	movl	$0, %fs:36(%esi)
	movl	$DRIVER, %fs:40(%esi)
	movl	$0, %fs:44(%esi)
	movl	$DEVICE, %fs:48(%esi)
	movl	$0, %fs:52(%esi)
	movw	$1, %fs:28(%esi)	# queue_enable
	movb	$15, %fs:20(%esi)
	call	later
	movl	$RING, %ebx		# IN, sector 0: the header at RING + 0x100 is zeros
	movl	$RING + 0x100, %fs:(%ebx)
	movl	$16, %fs:8(%ebx)
	movl	$RING + 0x200, %fs:16(%ebx)
	movl	$512, %fs:24(%ebx)
	movl	$0x00830000, %fs:28(%ebx)	# AVAIL|WRITE|NEXT
	movl	$RING + 0x110, %fs:32(%ebx)
	movl	$1, %fs:40(%ebx)
	movl	$0x00820000, %fs:44(%ebx)	# AVAIL|WRITE
	movl	$0x00810000, %fs:12(%ebx)	# AVAIL|NEXT: the first one last
.ifdef KICK
	movw	$0, %fs:NOTIFY(%esi)
.endif
life:	call	later
	movb	%fs:ISR(%esi), %al
	jmp	life
later:	movl	$0x2000000, %ecx
1:	addr32 loop 1b
	ret
bad:	movw	$0x3f8, %dx
	movb	$'!', %al
	outb	%al, %dx
	hlt
	.balign	4
gdt:	.quad	0
	.quad	0x00cf92000000ffff
gdtr:	.word	gdtr - gdt - 1
	.long	gdt - start + 0x7c00
	.org	510
	.word	0xaa55
