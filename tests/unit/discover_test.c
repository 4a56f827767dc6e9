/* SPDX-License-Identifier: MIT */
/* Finding one's way in a QEMU binary: this program is one, by tests/unit/fake_qemu_code.c. */
#include <bpf/libbpf.h>
#include <errno.h>

#include "bpf/code/insn.h"
#include "bpf/prog/qemu.h"
#include "bpf/prog/qemu.skel.h"
#include "bpf/qemu/discover.h"
#include "bpf/qemu/layout.h"
#include "decoder/trace/event.h"
#include "tests/unit/tap.h"

/* The loader finds programs by name: one that is renamed would silently never be attached. */
static void programs_exist(void)
{
	struct qemu_bpf *skel = qemu_bpf__open();

	CHECK(skel != NULL);
	for (unsigned role = 0; skel && role < QEMU_PROGRAMS; role++) {
		const char *name = qemu_program_name(role);

		if (!bpf_object__find_program_by_name(skel->obj, name)) {
			printf("# no program is called %s\n", name);
			tap_failed = true;
		}
	}
	qemu_bpf__destroy(skel);
}

static struct qemu *self(void)
{
	struct qemu *q = NULL;

	CHECK_EQ(qemu_open(&q, "/proc/self/exe", NULL), 0);
	return q;
}

static void layout(void)
{
	struct qemu *q = self();
	const struct vqp_proc *l = &q->layout;

	CHECK(qemu_unusable(q) == NULL);
	CHECK_EQ(q->nnotes, 0);
	CHECK_EQ(l->dev_bus, 96);
	CHECK_EQ(l->vdev_status, 176);
	CHECK_EQ(l->vdev_features, 184);
	CHECK_EQ(l->vdev_config_vector, 224);
	CHECK_EQ(l->vdev_vq, 240);
	CHECK_EQ(l->vdev_broken, 250);
	CHECK_EQ(l->vq_size, 160);
	CHECK_EQ(l->vq_num, 0);
	CHECK_EQ(l->vq_desc, 16);
	CHECK_EQ(l->vq_avail, 24);
	CHECK_EQ(l->vq_used_addr, 32);
	CHECK_EQ(l->vq_caches, 40);
	CHECK_EQ(l->vq_last, 56);
	CHECK_EQ(l->vq_last_wrap, 58);
	CHECK_EQ(l->vq_used, 64);
	CHECK_EQ(l->vq_used_wrap, 66);
	CHECK_EQ(l->vq_index, 72);
	CHECK_EQ(l->vq_inuse, 76);
	CHECK_EQ(l->vq_vector, 80);
	CHECK_EQ(l->vq_vdev, 96);
	CHECK_EQ(l->vq_notifier, 116);
	CHECK_EQ(l->qiov_size, 32);
	CHECK_EQ(q->vdev_host_features, 192);
	CHECK_EQ(q->vdev_config_len, 208);
	CHECK_EQ(q->vdev_config, 216);
	CHECK_EQ(q->root, elf_symbol(q->elf, "fake_root"));
	CHECK_STR(q->version, "9.9.9 (fake)");
	qemu_close(q);
}

static const struct qemu_probe *probe(const struct qemu *q, const char *name)
{
	for (size_t i = 0; i < q->nprobes; i++)
		if (!strcmp(q->probe[i].name, name))
			return &q->probe[i];
	CHECK(!"a probe of that name");
	return &q->probe[0];
}

static unsigned reg(const struct qemu_probe *p, unsigned slot)
{
	return p->cookie >> (8 + 5 * slot) & 31;
}

/* Where the static functions that virtqueue_pop() jumps to know that there is a chain. */
static void pops(void)
{
	struct qemu *q = self();
	const struct qemu_probe *p = probe(q, "virtqueue_pop");
	struct function *f;

	CHECK_EQ(p[0].addr, elf_symbol(q->elf, "fake_packed_pop") + 22);
	CHECK_EQ(reg(&p[0], 0), VQP_R13);
	CHECK_STR(p[1].name, "virtqueue_pop");
	CHECK_EQ(p[1].addr, elf_symbol(q->elf, "fake_split_pop") + 19);
	CHECK_EQ(reg(&p[1], 0), VQP_RBX);
	for (size_t i = 0; i < 2; i++) {
		CHECK_STR(p[i].placed, "not empty");
		CHECK_EQ(p[i].offset, elf_offset(q->elf, p[i].addr));
		CHECK(p[i].emulated);
		CHECK_EQ(reg(&p[i], 1), VQP_NO_REG);
		CHECK(!function_open(&f, q->elf, p[i].addr));
		CHECK_EQ(f->insn[function_at(f, p[i].addr)].kind, INSN_JCC);
		function_close(f);
	}
	/* with call stacks its begin: they have too much on the stack */
	CHECK(p[0].flags & p[1].flags & QEMU_PROBE_DEEP);
	CHECK_STR(p[2].name, "virtqueue_pop");
	CHECK_EQ(p[2].addr, elf_symbol(q->elf, "virtqueue_pop") + 10); /* behind the movabs */
	CHECK_EQ(reg(&p[2], 0), VQP_RDI);
	CHECK(p[2].flags & QEMU_PROBE_SHALLOW);
	qemu_close(q);
}

static void probes(void)
{
	struct qemu *q = self();
	const struct qemu_probe *p = probe(q, "virtqueue_detach_element");

	CHECK_EQ(reg(p, 0), VQP_R8); /* where the arguments are by then */
	CHECK_EQ(reg(p, 1), VQP_RSI);
	CHECK_EQ(reg(p, 2), VQP_RDX);
	CHECK_EQ(p->cookie >> 48, 1);
	/* static: found by what the handler of the notifier jumps to */
	p = probe(q, "virtio_queue_notify_vq");
	CHECK_EQ(p->addr, elf_symbol(q->elf, "fake_queue_notify_vq"));
	p = probe(q, "virtio_notify");
	CHECK_STR(p->placed, "trace site");
	CHECK_EQ(reg(p, 0), VQP_RAX);
	/* static, too: by the names of their regions */
	CHECK_EQ(probe(q, "common read")->addr, elf_symbol(q->elf, "fake_common_read"));
	CHECK_EQ(probe(q, "common write")->addr, elf_symbol(q->elf, "fake_common_write"));
	CHECK_EQ(probe(q, "msix-table write")->addr, elf_symbol(q->elf, "fake_table_write"));
	/* writes are calls, but for kicks, which may be in each request */
	CHECK(probe(q, "common write")->begin != 0);
	CHECK_EQ(probe(q, "notify write")->addr, elf_symbol(q->elf, "fake_notify_write"));
	CHECK_EQ(probe(q, "notify write")->begin, 0);
	CHECK_EQ(probe(q, "isr")->addr, 0);
	CHECK_EQ(probe(q, "virtio_reset")->addr, 0);
	qemu_close(q);
}

/* What the block layer is given, and the static functions that it calls with the answer. */
static void backend(void)
{
	struct qemu *q = self();
	const struct qemu_probe *p = probe(q, "blk_aio_preadv");

	CHECK_EQ(p->addr, elf_symbol(q->elf, "blk_aio_preadv") + 11); /* the branch */
	CHECK(p->emulated);
	CHECK_EQ(reg(p, 0), VQP_R9);
	CHECK_EQ(reg(p, 1), VQP_RSI);
	CHECK_EQ(reg(p, 2), VQP_RDX);
	CHECK_EQ(p->cookie >> 48, VQT_BACKEND_READ | VQP_AUX_QIOV);
	p = probe(q, "blk_aio_flush");
	CHECK_EQ(reg(p, 0), VQP_RDX);
	CHECK_EQ(reg(p, 1), VQP_NO_REG);
	p = probe(q, "callback of blk_aio_preadv");
	CHECK_EQ(p->addr, elf_symbol(q->elf, "fake_rw_complete"));
	CHECK_EQ(reg(p, 0), VQP_RDI);
	CHECK_EQ(reg(p, 1), VQP_RSI);
	CHECK_EQ(probe(q, "callback of blk_aio_flush")->addr,
		 elf_symbol(q->elf, "fake_flush_complete"));
	CHECK_EQ(probe(q, "callback of blk_aio_pdiscard")->addr, 0);
	qemu_close(q);
}

static void no_qemu(void)
{
	struct foreign f;
	struct qemu *q;

	foreign_init(&f, 0, NULL);
	foreign_begin_large(&f, 100); /* a sanitizer, a busy machine */
	CHECK(qemu_is(&f, "/proc/self/exe"));
	CHECK(!qemu_is(&f, "/bin/sh"));
	CHECK_EQ(qemu_open(&q, "/bin/sh", NULL), (uint64_t)-ENOENT);
	CHECK(q == NULL);
	CHECK_EQ(qemu_open(&q, "/dev/null", NULL), (uint64_t)-ENOEXEC);
}

static const struct tap_test tests[] = {
	{ "each role has its program", programs_exist },
	{ "offsets of structures", layout },
	{ "where QEMU has found a chain", pops },
	{ "places of probes and their arguments", probes },
	{ "what the block layer is given and answers", backend },
	{ "what is no QEMU", no_qemu },
};
TAP_MAIN(tests)
