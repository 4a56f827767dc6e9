/* SPDX-License-Identifier: MIT */
/*
 * A virtual machine monitor that is not QEMU: one processor, memory in a memfd, and our own device
 * (emu/) as the disk 00:03.0, whose kicks come by ioeventfd and whose messages go by irqfd.  It has
 * no firmware: it starts the guest of tests/guest/kvm.c, with its command line, in protected mode,
 * and ends when that does.
 *
 *   vmm [-k] [-w TRACE] GUEST COMMAND-LINE
 *
 * -k: no ioeventfd; -w: what the device sees, by its tap.  The guest's serial line is stdout.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "decoder/trace/file.h"
#include "decoder/trace/record.h"
#include "decoder/util/clock.h"
#include "emu/class/blk/blk.h"
#include "emu/transport/virtio_pci.h"

#define RAM (16 << 20)
#define LOW 0xa0000 /* of it, and the rest from HIGH on: as in a PC, there is a hole */
#define HIGH 0x100000
#define INFO 0x1000 /* for the guest: multiboot's structure, and its command line */
#define LINE 0x2000
#define TSS 0xfffbd000 /* for KVM: three pages that nothing else uses */
#define DISK 0x18 /* 00:03.0 */
#define GSI 24 /* of vector 0: behind those of the I/O APIC */
#define VECTORS 2
#define SERIAL 0x3f8
#define DEBUG_EXIT 0x501

static struct {
	int kvm, vm, cpu;
	struct kvm_run *run;
	uint8_t *ram;
	struct emu_device *dev;
	struct trace_writer *w;
	pthread_mutex_t lock; /* of the device */
	int kick, end, irq[VECTORS]; /* eventfds */
	struct kvm_irq_routing_msi sends[VECTORS]; /* as KVM knows it */
	bool by_exits, kick_is_set;
	uint64_t kick_at;
	uint32_t address; /* CONFIG_ADDRESS */
} vmm = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* rc, or the end where it is an error. */
static int must(int rc, const char *what)
{
	if (rc >= 0)
		return rc;
	fprintf(stderr, "vmm: %s: %s\n", what, strerror(rc == -1 ? errno : -rc));
	exit(2);
}

/* --- interrupts and kicks -------------------------------------------------------------------- */

static void set_routes(void)
{
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry entry[VECTORS];
	} r = { .head.nr = VECTORS };

	for (unsigned i = 0; i < VECTORS; i++)
		r.entry[i] = (struct kvm_irq_routing_entry){ .gsi = GSI + i,
							     .type = KVM_IRQ_ROUTING_MSI,
							     .u.msi = vmm.sends[i] };
	must(ioctl(vmm.vm, KVM_SET_GSI_ROUTING, &r), "KVM_SET_GSI_ROUTING");
}

static void make_irqs(void)
{
	set_routes();
	for (unsigned i = 0; i < VECTORS; i++) {
		struct kvm_irqfd f = { .gsi = GSI + i };

		vmm.irq[i] = must(eventfd(0, EFD_CLOEXEC), "eventfd");
		f.fd = (uint32_t)vmm.irq[i];
		must(ioctl(vmm.vm, KVM_IRQFD, &f), "KVM_IRQFD");
	}
}

static void on_msix(void *opaque, uint16_t vector)
{
	const uint8_t *entry = emu_vpci_pci(vmm.dev)->table + 16 * vector;
	const struct kvm_irq_routing_msi msi = { .address_lo = get_le32(entry),
						 .address_hi = get_le32(entry + 4),
						 .data = get_le32(entry + 8) };

	if (vector >= VECTORS)
		return;
	if (memcmp(&msi, &vmm.sends[vector], sizeof(msi))) {
		vmm.sends[vector] = msi;
		set_routes();
	}
	must(eventfd_write(vmm.irq[vector], 1), "eventfd");
}

static void on_intx(void *opaque, bool level)
{
}

/* Where BAR n is; false: nowhere. */
static bool bar_address(unsigned n, uint64_t *addr)
{
	const struct emu_pci *p = emu_vpci_pci(vmm.dev);
	const uint8_t *at = p->config + PCI_BASE_ADDRESS_0 + 4 * n;

	if (!p->l.bar[n].size || p->l.bar[n].flags & EMU_BAR_IO ||
	    !(p->config[PCI_COMMAND] & PCI_COMMAND_MEMORY))
		return false;
	*addr = get_le32(at) & ~15U;
	if (p->l.bar[n].flags & EMU_BAR_64)
		*addr |= (uint64_t)get_le32(at + 4) << 32;
	return *addr;
}

/* Queue 0 is notified by the eventfd while the driver uses the device. */
static void set_kick(void)
{
	const struct emu_pci_cap *c = emu_vpci_pci(vmm.dev)->l.cap;
	bool live = emu_virtio_live(&vmm.dev->v) && !vmm.by_exits;
	struct kvm_ioeventfd k = { .len = 2, .fd = vmm.kick };

	if (live == vmm.kick_is_set)
		return;
	while (c->id && (c->id != PCI_CAP_ID_VNDR || c->type != VIRTIO_PCI_CAP_NOTIFY_CFG))
		c++;
	if (live && !bar_address(c->bar, &vmm.kick_at))
		return;
	k.addr = vmm.kick_at + c->offset;
	k.flags = live ? 0 : KVM_IOEVENTFD_FLAG_DEASSIGN;
	must(ioctl(vmm.vm, KVM_IOEVENTFD, &k), "KVM_IOEVENTFD");
	vmm.kick_is_set = live;
}

static void *wait_for_kicks(void *opaque)
{
	struct pollfd p[] = { { vmm.kick, POLLIN, 0 }, { vmm.end, POLLIN, 0 } };
	eventfd_t n;

	while (poll(p, 2, -1) >= 0 || errno == EINTR) {
		pthread_mutex_lock(&vmm.lock);
		if (p[0].revents && !eventfd_read(vmm.kick, &n))
			emu_queue_kick(emu_virtio_queue(&vmm.dev->v, 0), 0, VQT_KICK_IOEVENTFD, 0);
		emu_virtio_run(&vmm.dev->v, 0);
		pthread_mutex_unlock(&vmm.lock);
		if (p[1].revents)
			break;
	}
	return NULL;
}

/* --- what the guest accesses ------------------------------------------------------------------- */

static void device_access(unsigned region, uint64_t off, void *data, unsigned len, bool write)
{
	pthread_mutex_lock(&vmm.lock);
	if (write)
		emu_device_write(vmm.dev, region, off, data, len);
	else
		emu_device_read(vmm.dev, region, off, data, len);
	emu_virtio_run(&vmm.dev->v, 0);
	set_kick();
	pthread_mutex_unlock(&vmm.lock);
}

static void memory_access(uint64_t addr, void *data, unsigned len, bool write)
{
	for (unsigned n = 0; n < EMU_PCI_BARS; n++) {
		uint64_t start;

		if (bar_address(n, &start) && addr >= start &&
		    addr - start < emu_device_region_size(vmm.dev, n)) {
			device_access(n, addr - start, data, len, write);
			return;
		}
	}
	if (!write)
		memset(data, 0xff, len);
}

/* False: the guest is done. */
static bool port_access(unsigned port, void *data, unsigned len, bool write)
{
	if (write && port == SERIAL) {
		putchar(*(uint8_t *)data);
		fflush(stdout);
	} else if (port == 0xcf8 && len == 4) {
		memcpy(write ? (void *)&vmm.address : data, write ? data : &vmm.address, 4);
	} else if (port >= 0xcfc && port < 0xd00 && vmm.address >> 8 == (0x800000 | DISK)) {
		device_access(EMU_REGION_CONFIG, (vmm.address & 0xfc) + port - 0xcfc, data, len,
			      write);
	} else if (!write) {
		memset(data, 0xff, len);
	}
	return !write || port != DEBUG_EXIT;
}

static bool port_exit(void)
{
	uint8_t *data = (uint8_t *)vmm.run + vmm.run->io.data_offset;
	bool more = true;

	for (unsigned i = 0; i < vmm.run->io.count; i++, data += vmm.run->io.size)
		more &= port_access(vmm.run->io.port, data, vmm.run->io.size,
				    vmm.run->io.direction == KVM_EXIT_IO_OUT);
	return more;
}

static void run(void)
{
	bool more = true;

	while (more) {
		if (ioctl(vmm.cpu, KVM_RUN, 0) && errno != EINTR)
			must(-1, "KVM_RUN");
		switch (vmm.run->exit_reason) {
		case KVM_EXIT_IO: more = port_exit(); break;
		case KVM_EXIT_MMIO:
			memory_access(vmm.run->mmio.phys_addr, vmm.run->mmio.data,
				      vmm.run->mmio.len, vmm.run->mmio.is_write);
			break;
		case KVM_EXIT_INTR: break;
		default:
			fprintf(stderr, "vmm: the guest ended: exit reason %u\n",
				vmm.run->exit_reason);
			exit(2);
		}
	}
}

/* --- the machine ------------------------------------------------------------------------------- */

static void add_slot(uint32_t slot, uint64_t start, uint64_t size)
{
	struct kvm_userspace_memory_region r = { .slot = slot,
						 .guest_phys_addr = start,
						 .memory_size = size,
						 .userspace_addr = (uintptr_t)vmm.ram + start };

	must(ioctl(vmm.vm, KVM_SET_USER_MEMORY_REGION, &r), "KVM_SET_USER_MEMORY_REGION");
}

static void make_machine(void)
{
	int fd = must(memfd_create("ram", MFD_CLOEXEC), "memfd_create"), size;

	must(ftruncate(fd, RAM), "ftruncate");
	vmm.ram = mmap(NULL, RAM, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	must(vmm.ram == MAP_FAILED ? -1 : 0, "mmap");
	vmm.kvm = must(open("/dev/kvm", O_RDWR | O_CLOEXEC), "/dev/kvm");
	vmm.vm = must(ioctl(vmm.kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
	must(ioctl(vmm.vm, KVM_SET_TSS_ADDR, TSS), "KVM_SET_TSS_ADDR");
	must(ioctl(vmm.vm, KVM_CREATE_IRQCHIP, 0), "KVM_CREATE_IRQCHIP");
	add_slot(0, 0, LOW);
	add_slot(1, HIGH, RAM - HIGH);
	vmm.cpu = must(ioctl(vmm.vm, KVM_CREATE_VCPU, 0), "KVM_CREATE_VCPU");
	size = must(ioctl(vmm.kvm, KVM_GET_VCPU_MMAP_SIZE, 0), "KVM_GET_VCPU_MMAP_SIZE");
	vmm.run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, vmm.cpu, 0);
	must(vmm.run == MAP_FAILED ? -1 : 0, "mmap");
	make_irqs();
}

static uint32_t load(const char *path)
{
	static uint8_t file[1 << 20];
	int fd = must(open(path, O_RDONLY | O_CLOEXEC), path);
	ssize_t len = read(fd, file, sizeof(file));
	const Elf32_Ehdr *e = (const void *)file;
	const Elf32_Phdr *p = (const void *)(file + e->e_phoff);

	close(fd);
	for (unsigned i = 0; i < e->e_phnum; i++)
		if (p[i].p_type == PT_LOAD) {
			must(p[i].p_offset + p[i].p_filesz > (size_t)len ||
					     p[i].p_paddr + p[i].p_memsz > RAM
				     ? -ENOEXEC
				     : 0,
			     path);
			memcpy(vmm.ram + p[i].p_paddr, file + p[i].p_offset, p[i].p_filesz);
		}
	return e->e_entry;
}

/* As multiboot says: 32 bits, flat segments, no paging. */
static void start_at(uint32_t entry, const char *line)
{
	const struct kvm_segment code = {
		.limit = ~0U, .selector = 8, .type = 11, .present = 1, .db = 1, .s = 1, .g = 1
	};
	struct kvm_segment data = code;
	struct kvm_regs r = { .rip = entry, .rflags = 2, .rax = 0x2badb002, .rbx = INFO };
	const uint32_t info[5] = { [0] = 4, [4] = LINE };
	struct kvm_sregs s;

	data.selector = 16;
	data.type = 3;
	memcpy(vmm.ram + INFO, info, sizeof(info));
	snprintf((char *)vmm.ram + LINE, 4096, "%s", line);
	must(ioctl(vmm.cpu, KVM_GET_SREGS, &s), "KVM_GET_SREGS");
	s.cs = code;
	s.ds = s.es = s.fs = s.gs = s.ss = data;
	s.cr0 |= 1;
	must(ioctl(vmm.cpu, KVM_SET_SREGS, &s), "KVM_SET_SREGS");
	must(ioctl(vmm.cpu, KVM_SET_REGS, &r), "KVM_SET_REGS");
}

/* --- the disk ---------------------------------------------------------------------------------- */

static void emit(void *opaque, const void *record, size_t len)
{
	must(trace_write(vmm.w, record, len), "trace");
}

static uint64_t now(void *opaque)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static struct emu_tap *make_tap(const char *path)
{
	const struct emu_tap_config c = { .emit = emit, .now = now };
	struct trace_error err;
	struct emu_tap *t;

	if (trace_create(&vmm.w, path, &err)) {
		fprintf(stderr, "vmm: %s\n", err.text);
		exit(2);
	}
	t = emu_tap_new(&c);
	must(t ? 0 : -ENOMEM, "tap");
	emu_tap_session(t, "vmm", NULL, clock_wall_offset());
	emu_tap_source(t, "vmm", (uint32_t)getpid());
	emu_tap_device(t, emu_blk.virtio_id, VQT_TRANSPORT_PCI, 0, DISK, 1, "disk", "vmm-blk");
	return t;
}

static void make_disk(const char *trace)
{
	struct emu_blk_config blk = { 0 };
	struct emu_device_config c = { .host = { .msix = on_msix, .intx = on_intx },
				       .vectors = VECTORS,
				       .v = { .cls = &emu_blk, .class_config = &blk } };

	c.v.mem = emu_mem_new();
	c.v.tap = trace ? make_tap(trace) : NULL;
	must(c.v.mem ? 0 : -ENOMEM, "memory");
	must(emu_mem_add(c.v.mem, 0, LOW, vmm.ram, EMU_MEM_READ | EMU_MEM_WRITE), "memory");
	must(emu_mem_add(c.v.mem, HIGH, RAM - HIGH, vmm.ram + HIGH, EMU_MEM_READ | EMU_MEM_WRITE),
	     "memory");
	must(emu_backend_mem(&blk.backend, NULL, 1 << 20), "disk");
	must(emu_device_new(&vmm.dev, &c), "device");
	vmm.kick = must(eventfd(0, EFD_CLOEXEC), "eventfd");
	vmm.end = must(eventfd(0, EFD_CLOEXEC), "eventfd");
}

int main(int argc, char **argv)
{
	const char *trace = NULL;
	pthread_t thread;
	int opt;

	while ((opt = getopt(argc, argv, "kw:")) != -1) {
		vmm.by_exits |= opt == 'k';
		trace = opt == 'w' ? optarg : trace;
	}
	if (argc - optind != 2) {
		fprintf(stderr, "usage: vmm [-k] [-w TRACE] GUEST COMMAND-LINE\n");
		return 2;
	}
	make_machine();
	make_disk(trace);
	start_at(load(argv[optind]), argv[optind + 1]);
	must(-pthread_create(&thread, NULL, wait_for_kicks, NULL), "pthread_create");
	run();
	must(eventfd_write(vmm.end, 1), "eventfd");
	pthread_join(thread, NULL);
	emu_device_free(vmm.dev);
	if (vmm.w)
		must(trace_finish(vmm.w), trace);
	return 0;
}
