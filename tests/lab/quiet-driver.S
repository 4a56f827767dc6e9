# SPDX-License-Identifier: MIT
# A boot sector that is a driver of its own: it sets up queue 0 of the legacy
# virtio-blk device at 00:04.0, makes one read available, and does not kick
# (KICK=1: it does). It lives on, reading the ISR status now and then.
# tests/full/sample_test.sh assembles it.
	.code16
	.text
start:	cli
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %ss
	movw	$0x7c00, %sp
	movl	$0x80002010, %eax	# BAR 0
	movw	$0xcf8, %dx
	outl	%eax, %dx
	movw	$0xcfc, %dx
	inl	%dx, %eax
	andl	$0xfffc, %eax
	movw	%ax, %bx
	leaw	18(%bx), %dx		# device_status
	movb	$0, %al
	outb	%al, %dx
awaits:	inb	%dx, %al
	testb	%al, %al
	jnz	awaits
	movb	$1, %al
	outb	%al, %dx
	movb	$3, %al
	outb	%al, %dx
	movw	%bx, %dx
	inl	%dx, %eax		# device_features: none is wanted
	leaw	4(%bx), %dx
	xorl	%eax, %eax
	outl	%eax, %dx
	leaw	14(%bx), %dx		# queue_select
	outw	%ax, %dx
	leaw	12(%bx), %dx		# queue_size: 256, or the areas lie elsewhere
	inw	%dx, %ax
	cmpw	$256, %ax
	jne	bad
	movw	$0x1000, %ax		# the ring: 0x10000 to 0x13000
	movw	%ax, %es
	xorw	%di, %di
	xorl	%eax, %eax
	movw	$0xc00, %cx
	cld
	rep stosl
	movl	$0x8000, %es:0		# the header
	movl	$16, %es:8
	movl	$0x10001, %es:12	# NEXT, 1
	movl	$0x9000, %es:16
	movl	$512, %es:24
	movl	$0x20003, %es:28	# NEXT|WRITE, 2
	movl	$0x8010, %es:32
	movl	$1, %es:40
	movw	$2, %es:44		# WRITE
	movl	$0, 0x8000		# IN, sector 0
	movl	$0, 0x8004
	movl	$0, 0x8008
	movl	$0, 0x800c
	leaw	8(%bx), %dx		# queue_address
	movl	$0x10, %eax
	outl	%eax, %dx
	leaw	18(%bx), %dx
	movb	$7, %al
	outb	%al, %dx
	call	later
	movw	$1, %es:0x1002		# avail.idx
.ifdef KICK
	leaw	16(%bx), %dx
	xorw	%ax, %ax
	outw	%ax, %dx
.endif
life:	call	later
	leaw	19(%bx), %dx		# isr_status
	inb	%dx, %al
	jmp	life
later:	movl	$0x2000000, %ecx
1:	addr32 loop 1b
	ret
bad:	movw	$0x3f8, %dx
	movb	$'!', %al
	outb	%al, %dx
	hlt
	.org	510
	.word	0xaa55
