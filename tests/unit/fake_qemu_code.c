/* SPDX-License-Identifier: MIT */
/*
 * Machine code as a compiler makes it of QEMU's accessors, for what finds its way in a
 * QEMU by decoding: the functions are never called.  Linked into the unit tests, which
 * open their own program; built as a shared object, the seed of fuzzers.
 *
 * The offsets that the code contains (tests/unit/discover_test.c expects them):
 * VirtIODevice: parent_bus 96, status 176, guest_features 184, config_vector 224, vq 240,
 * broken 250.  VirtQueue (160 bytes): num 0, desc 16, avail 24, used 32, last_avail_idx 56
 * and 58, used_idx 64 and 66, queue_index 72, vector 80, vdev 96, host_notifier 116.
 * QEMUIOVector: size 32.
 */
#define FUNCTION(name, code) \
	asm(".text\n" \
	    ".globl " #name "\n" \
	    ".type " #name ", @function\n" #name ":\n" \
	    ".cfi_startproc\n" code ".cfi_endproc\n" \
	    ".size " #name ", .-" #name "\n")
/* Without a name in the table of dynamic symbols, as QEMU's static functions. */
#define LOCAL(name, code) \
	asm(".text\n" #name ":\n" \
	    ".cfi_startproc\n" code ".cfi_endproc\n")
/* %rsi = &vdev->vq[n] */
#define QUEUE \
	"movslq %esi, %rsi\n" \
	"imul $160, %rsi, %rsi\n" \
	"add 240(%rdi), %rsi\n"

FUNCTION(virtio_queue_get_desc_addr, QUEUE "mov 16(%rsi), %rax\n ret\n");
FUNCTION(virtio_queue_get_avail_addr, QUEUE "mov 24(%rsi), %rax\n ret\n");
FUNCTION(virtio_queue_get_used_addr, QUEUE "mov 32(%rsi), %rax\n ret\n");
FUNCTION(virtio_queue_get_num, QUEUE "mov (%rsi), %eax\n ret\n");
FUNCTION(virtio_queue_vector, QUEUE "movzwl 80(%rsi), %eax\n ret\n");

/* Split rings have one position, packed ones two with wrap counters. */
FUNCTION(virtio_queue_get_last_avail_idx, QUEUE "testb $4, 188(%rdi)\n"
						"jne 1f\n"
						"movzwl 56(%rsi), %eax\n"
						"ret\n"
						"1: movzwl 64(%rsi), %eax\n"
						"movzbl 66(%rsi), %edx\n"
						"movzwl 56(%rsi), %ecx\n"
						"movzbl 58(%rsi), %r8d\n"
						"ret\n");
FUNCTION(virtio_get_queue_index, "movzwl 72(%rdi), %eax\n ret\n");
FUNCTION(qdev_get_parent_bus, "mov 96(%rdi), %rax\n ret\n");
FUNCTION(virtio_queue_notify, "cmpb $0, 250(%rdi)\n jne 1f\n ret\n 1: ret\n");
FUNCTION(virtio_notify_config, "testb $4, 176(%rdi)\n"
			       "je 1f\n"
			       "movzwl 224(%rdi), %esi\n"
			       "1: ret\n");
FUNCTION(virtio_queue_get_host_notifier, "lea 116(%rdi), %rax\n ret\n");
FUNCTION(event_notifier_test_and_clear, "xor %eax, %eax\n ret\n");
LOCAL(fake_queue_notify_vq, "push %rbx\n mov %rdi, %rbx\n pop %rbx\n ret\n");
FUNCTION(virtio_queue_host_notifier_read, "push %rbx\n"
					  "mov %rdi, %rbx\n"
					  "call event_notifier_test_and_clear\n"
					  "test %eax, %eax\n"
					  "je 1f\n"
					  "lea -116(%rbx), %rdi\n"
					  "pop %rbx\n"
					  "jmp fake_queue_notify_vq\n"
					  "1: pop %rbx\n"
					  "ret\n");
FUNCTION(object_get_root, "mov fake_root(%rip), %rax\n ret\n");

/* Begins with what a uprobe must single-step; the next instruction is cheap. */
FUNCTION(virtqueue_pop, "movabs $0x1122334455667788, %rax\n"
			"push %rbp\n"
			"mov 96(%rdi), %rax\n"
			"pop %rbp\n"
			"testb $4, 188(%rax)\n"
			"je 1f\n"
			"jmp fake_packed_pop\n"
			"1: jmp fake_split_pop\n");
LOCAL(fake_split_pop, "push %rbx\n"
		      "mov %rdi, %rbx\n"
		      "movzwl 56(%rbx), %eax\n"
		      "cmp %ax, 60(%rbx)\n"
		      "je 1f\n"
		      "mov (%rbx), %ecx\n"
		      "cmp %ecx, 76(%rbx)\n"
		      "jae 1f\n"
		      "add $1, %eax\n"
		      "mov %ax, 56(%rbx)\n"
		      "addl $1, 76(%rbx)\n"
		      "1: pop %rbx\n"
		      "ret\n");
/* The number of chains in use is changed, too, before a branch that is not about it. */
LOCAL(fake_packed_pop, "push %r13\n"
		       "mov %rdi, %r13\n"
		       "call event_notifier_test_and_clear\n"
		       "test %eax, %eax\n"
		       "jne 1f\n"
		       "mov 76(%r13), %eax\n"
		       "cmp 0(%r13), %eax\n"
		       "jae 1f\n"
		       "addl $1, 76(%r13)\n"
		       "cmpl $8, 56(%r13)\n"
		       "jb 1f\n"
		       "movw $0, 56(%r13)\n"
		       "1: pop %r13\n"
		       "ret\n");
FUNCTION(virtqueue_fill, "push %rbx\n mov %ecx, %ebx\n pop %rbx\n ret\n");
/* The first two arguments are not where they came in when the cheap instruction is reached. */
FUNCTION(virtqueue_detach_element, "mov %rdi, %r8\n"
				   "mov %rsi, %rdi\n"
				   "push %rbp\n"
				   "pop %rbp\n"
				   "ret\n");
FUNCTION(virtio_notify, "mov %rsi, %rax\n"
			"cmpl $0, trace_events_enabled_count(%rip)\n"
			"jne 2f\n"
			"1: movzwl 80(%rax), %esi\n"
			"ret\n"
			"2: cmpw $0, _TRACE_VIRTIO_NOTIFY_DSTATE(%rip)\n"
			"je 1b\n"
			"jmp 1b\n");
FUNCTION(memory_region_init_io, "ret\n");

/* The block layer, and a device that passes it two callbacks: one behind a jump table. */
FUNCTION(blk_aio_preadv, "sub $8, %rsp\n"
			 "mov 32(%rdx), %rax\n"
			 "test %rax, %rax\n"
			 "js 1f\n"
			 "1: add $8, %rsp\n"
			 "ret\n");
FUNCTION(blk_aio_flush, "sub $8, %rsp\n"
			"push %rdx\n"
			"add $16, %rsp\n"
			"ret\n");
LOCAL(fake_rw_complete, "push %rbx\n pop %rbx\n ret\n");
LOCAL(fake_flush_complete, "push %rbp\n pop %rbp\n ret\n");
LOCAL(fake_no_callback, "ret\n");
LOCAL(fake_submit, "lea fake_rw_complete(%rip), %rax\n"
		   "lea fake_no_callback(%rip), %rcx\n"
		   "mov %rax, %r8\n"
		   "jmp blk_aio_preadv\n");
LOCAL(fake_handle_request, "jmp *%rax\n"
			   "lea fake_no_callback(%rip), %rsi\n"
			   "call fake_submit\n"
			   "mov %rbx, %rdx\n"
			   "lea fake_flush_complete(%rip), %rsi\n"
			   "mov %rbp, %rdi\n"
			   "call blk_aio_flush\n"
			   "ret\n");
FUNCTION(virtio_blk_handle_vq, "push %rbx\n"
			       "call fake_handle_request\n"
			       "pop %rbx\n"
			       "ret\n");

LOCAL(fake_common_read, "push %rbx\n pop %rbx\n ret\n");
LOCAL(fake_common_write, "push %rbp\n pop %rbp\n ret\n");
LOCAL(fake_notify_read, "push %r14\n pop %r14\n ret\n");
LOCAL(fake_notify_write, "push %r15\n pop %r15\n ret\n");
LOCAL(fake_table_read, "push %r12\n pop %r12\n ret\n");
LOCAL(fake_table_write, "push %r13\n pop %r13\n ret\n");
/* Regions whose names are composed, and one whose name is the string itself. */
LOCAL(fake_regions, "push %rbx\n"
		    "mov %rdi, %rbx\n"
		    "lea fake_common_name(%rip), %rsi\n"
		    "call event_notifier_test_and_clear\n"
		    "lea fake_common_ops(%rip), %rdx\n"
		    "call memory_region_init_io\n"
		    "lea fake_notify_name(%rip), %rsi\n"
		    "call event_notifier_test_and_clear\n"
		    "lea fake_notify_ops(%rip), %rdx\n"
		    "call memory_region_init_io\n"
		    "lea fake_table_name(%rip), %r8\n"
		    "lea fake_table_ops(%rip), %rdx\n"
		    "call memory_region_init_io\n"
		    "pop %rbx\n"
		    "ret\n");

asm(".section .rodata\n"
    "fake_common_name: .string \"virtio-pci-common-%s\"\n"
    "fake_notify_name: .string \"virtio-pci-notify-%s\"\n"
    "fake_table_name: .string \"msix-table\"\n"
    ".string \"QEMU emulator version 9.9.9 (fake)\\nCopyright\"\n"
    ".section .data.rel.ro, \"aw\"\n"
    ".balign 8\n"
    "fake_common_ops: .quad fake_common_read, fake_common_write\n"
    "fake_notify_ops: .quad fake_notify_read, fake_notify_write\n"
    "fake_table_ops: .quad fake_table_read, fake_table_write\n"
    ".data\n"
    ".balign 8\n"
    "fake_root: .quad 0\n"
    ".globl trace_events_enabled_count, _TRACE_VIRTIO_NOTIFY_DSTATE\n"
    "trace_events_enabled_count: .long 0\n"
    "_TRACE_VIRTIO_NOTIFY_DSTATE: .short 0\n"
    ".text\n");
