/* SPDX-License-Identifier: MIT */
/* Calls of functions as trees: what was called in what, with how long it took. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "decoder/edit/anonymise.h"
#include "decoder/lifecycle/lifecycle.h"
#include "decoder/print/json.h"
#include "decoder/trace/build.h"
#include "tests/unit/record_builder.h"
#include "tests/unit/tap.h"

static struct record_builder t;
static struct lifecycle_print *tree;
static char *text;
static size_t text_len;
static FILE *out;

static void begin(bool json)
{
	memset(&t, 0, sizeof(t));
	builder_begin(&t);
	t.queue = VQT_NO_QUEUE;
	out = open_memstream(&text, &text_len);
	tree = lifecycle_print_new(out, json, true, true);
}

static void end(void)
{
	lifecycle_print_finish(tree);
	lifecycle_print_free(tree);
	fclose(out);
	free(text);
	builder_finish(&t);
}

static void feed(void)
{
	CHECK_EQ(lifecycle_print_feed(tree, &t.e, true), 0);
}

/* The tags of an event that begins a call, in another. */
static size_t tags(uint8_t *to, uint32_t call, uint32_t within, const char *function)
{
	struct vqt_call c = { call, within };
	struct build b = { .bytes = to, .size = 128 };

	build_value(&b, VQT_TAG_CALL, &c, sizeof(c));
	if (function)
		build_value(&b, VQT_TAG_FUNCTION, function, strlen(function));
	return b.len;
}

static void step(unsigned what, uint32_t call, uint32_t within, const char *function)
{
	struct vqt_lifecycle l = { .what = (uint16_t)what };
	_Alignas(8) uint8_t tail[128];

	builder_add(&t, VQT_LIFECYCLE, &l, sizeof(l), tail, tags(tail, call, within, function));
	feed();
}

static void of_type(unsigned what, uint32_t call, const char *type)
{
	struct vqt_lifecycle l = { .what = (uint16_t)what, .len = (uint16_t)strlen(type) };
	_Alignas(8) uint8_t tail[160] = { 0 };
	size_t len = (strlen(type) + 3) & ~(size_t)3;

	memcpy(tail, type, strlen(type));
	len += tags(tail + len, call, 0, NULL);
	builder_add(&t, VQT_LIFECYCLE, &l, sizeof(l), tail, len);
	feed();
}

static void ends_as(uint32_t call, uint64_t value, uint32_t flags)
{
	struct vqt_return r = { .call = call, .flags = flags, .value = value };

	builder_add(&t, VQT_RETURN, &r, sizeof(r), NULL, 0);
	feed();
}

static void returns(uint32_t call, uint64_t value)
{
	ends_as(call, value, 0);
}

static void status(uint32_t call, uint8_t value)
{
	struct vqt_reg r = { .region = VQT_REGION_COMMON,
			     .op = VQT_WRITE,
			     .offset = 20,
			     .width = 1,
			     .value = value };
	_Alignas(8) uint8_t tail[128];

	builder_add(&t, VQT_REG, &r, sizeof(r), tail, tags(tail, call, 0, NULL));
	feed();
}

/* Whether these lines, without the time, were printed next. */
static bool prints(const char *want)
{
	bool same;
	char got[4096] = "";
	size_t len = 0;

	fflush(out);
	for (char *line = text; line && *line; line = strchr(line, '\n') + 1)
		if (strncmp(line, "        time", 12) && strlen(line) > 13)
			len += (size_t)snprintf(got + len, sizeof(got) - len, "%.*s\n",
						(int)strcspn(line + 13, "\n"), line + 13);
	same = !strcmp(got, want);
	if (!same)
		printf("# instead of:\n%s# there is:\n%s", want, got);
	rewind(out);
	memset(text, 0, text_len);
	return same;
}

static void nested(void)
{
	begin(false);
	step(VQT_LIFECYCLE_REALIZE, 1, 0, NULL);
	step(VQT_LIFECYCLE_CALLBACK, 2, 1, "VirtioDeviceClass.realize of virtio-blk-device");
	step(VQT_LIFECYCLE_MSI_ROUTE, 3, 2, NULL);
	returns(3, 24);
	step(VQT_LIFECYCLE_GUEST_NOTIFIER, 0, 2, NULL);
	returns(2, 0);
	CHECK(prints(""));
	returns(1, 1);
	CHECK(prints("  6.00 us blk0           realize [qdev_realize]\n"
		     "  4.00 us blk0             VirtioDeviceClass.realize of "
		     "virtio-blk-device\n"
		     "  1.00 us blk0               msi_route vector 0 "
		     "[kvm_irqchip_add_msi_route] = gsi 24\n"
		     "          blk0               guest_notifier assign 0, irqfd 0 "
		     "[virtio_queue_set_guest_notifier_fd_handler]\n"));
	end();
}

/* A call may end with a jump to another function: both return at the same time. */
static void results(void)
{
	begin(false);
	step(VQT_LIFECYCLE_REALIZE, 1, 0, NULL);
	step(VQT_LIFECYCLE_MSIX_INIT, 2, 1, NULL);
	returns(2, (uint32_t)-22);
	returns(1, 0);
	CHECK(prints("  3.00 us blk0           realize [qdev_realize] = failure\n"
		     "  1.00 us blk0             msix_init vectors 0, table bar 0 [msix_init] = "
		     "Invalid argument\n"));
	/* what it returned is not known */
	step(VQT_LIFECYCLE_REALIZE, 3, 0, NULL);
	ends_as(3, 0, VQT_RETURN_JUMPED);
	CHECK(prints("  1.00 us blk0           realize [qdev_realize]\n"));
	end();
}

/* What was lost of a trace must not put a call where it was not. */
static void lost(void)
{
	begin(false);
	step(VQT_LIFECYCLE_REALIZE, 1, 0, NULL);
	step(VQT_LIFECYCLE_VIRTIO_INIT, 2, 1, NULL); /* its return is lost */
	step(VQT_LIFECYCLE_ADD_QUEUE, 3, 1, NULL);
	returns(3, 0);
	returns(9, 0); /* of a call that is not there */
	returns(1, 1);
	CHECK(prints(
		"  5.00 us blk0           realize [qdev_realize]\n"
		" not over blk0             virtio_init device type 0, config size 0 "
		"[virtio_init]\n"
		"  1.00 us blk0             add_queue size 0, handler 0x0 [virtio_add_queue]\n"));
	step(VQT_LIFECYCLE_RESET, 5, 4, NULL); /* in a call whose begin is lost */
	returns(5, 0);
	CHECK(prints("  1.00 us blk0           reset [virtio_reset]\n"));
	step(VQT_LIFECYCLE_RESET, 6, 0, NULL); /* the end of all of it is lost */
	for (uint32_t call = 7; call < 14; call++)
		step(VQT_LIFECYCLE_REALIZE, call, 0, NULL);
	CHECK(prints("")); /* they may be on other stacks */
	step(VQT_LIFECYCLE_REALIZE, 14, 0, NULL);
	CHECK(prints(" not over blk0           reset [virtio_reset]\n"));
	end();
}

/* A thread runs coroutines on other stacks while it is in a call. */
static void coroutines(void)
{
	begin(false);
	step(VQT_LIFECYCLE_RESET, 1, 0, NULL);
	step(VQT_LIFECYCLE_CALLBACK, 2, 0, "of a coroutine");
	step(VQT_LIFECYCLE_ADD_QUEUE, 3, 1, NULL);
	step(VQT_LIFECYCLE_GUEST_NOTIFIER, 0, 2, NULL);
	returns(3, 0);
	returns(1, 0);
	CHECK(prints("  5.00 us blk0           reset [virtio_reset]\n"
		     "  2.00 us blk0             add_queue size 0, handler 0x0 "
		     "[virtio_add_queue]\n"));
	returns(2, 0);
	CHECK(prints("  5.00 us blk0           of a coroutine\n"
		     "          blk0             guest_notifier assign 0, irqfd 0 "
		     "[virtio_queue_set_guest_notifier_fd_handler]\n"));
	end();
}

/* The register write that made it happen; one that did nothing else is none. */
static void by_register(void)
{
	begin(false);
	status(1, 1);
	returns(1, 0);
	CHECK(prints(""));
	status(2, 15);
	step(VQT_LIFECYCLE_IOEVENTFD_START, 3, 2, NULL);
	returns(3, 0);
	returns(2, 0);
	CHECK(prints("  3.00 us blk0           device_status <- "
		     "ACKNOWLEDGE|DRIVER|DRIVER_OK|FEATURES_OK (0x0f)\n"
		     "  1.00 us blk0             ioeventfd_start [virtio_bus_start_ioeventfd]\n"));
	end();
}

static void describe(const char *type)
{
	struct vqt_device d = { .virtio_id = 2, .transport = VQT_TRANSPORT_PCI };
	_Alignas(8) uint8_t tail[64];
	struct build b = { .bytes = tail, .size = sizeof(tail) };

	build_tlv(&b, VQT_TAG_TYPENAME, type, strlen(type));
	builder_add(&t, VQT_DEVICE, &d, sizeof(d), tail, b.len);
	feed();
}

/* Of many types only those are shown of which there is a device. */
static void types(void)
{
	begin(false);
	t.device = VQT_NO_DEVICE;
	of_type(VQT_LIFECYCLE_CLASS_INIT, 1, "virtio-blk-pci-base");
	returns(1, 0);
	of_type(VQT_LIFECYCLE_CLASS_INIT, 2, "virtio-blkfoo-pci");
	returns(2, 0);
	of_type(VQT_LIFECYCLE_CLASS_INIT, 3, "virtio-blk-device");
	returns(3, 0);
	CHECK(prints(""));
	t.device = 1;
	describe("virtio-blk-pci-non-transitional");
	CHECK(prints(
		"  1.00 us                class_init virtio-blk-pci-base "
		"[TypeInfo.class_init]\n"
		"  1.00 us                class_init virtio-blk-device [TypeInfo.class_init]\n"));
	describe("virtio-blk-pci");
	CHECK(prints(""));
	end();
}

static void routes(void)
{
	struct vqt_route r[] = { { .gsi = 0, .kind = VQT_ROUTE_IRQCHIP, .address = 2, .data = 2 },
				 { 24, VQT_ROUTE_MSI, 0xfee00000, 0x41, 0 } };
	struct vqt_routes table = { .total = 2, .n = 2 };
	const char *why;
	size_t len;
	char *json;
	FILE *f;

	begin(false);
	builder_add(&t, VQT_ROUTES, &table, sizeof(table), r, sizeof(r));
	feed();
	CHECK(prints("          blk0           2 interrupt routes given to KVM: gsi 24 = MSI "
		     "0xfee00000 data 0x41 [KVM_SET_GSI_ROUTING]\n"));
	f = open_memstream(&json, &len);
	CHECK_EQ(print_json(f, &t.e), 0);
	fclose(f);
	CHECK(strstr(json, "\"routes\":{\"total\":2,\"table\":[{\"gsi\":0,\"kind\":\"irqchip\","
			   "\"address\":2,\"data\":2},{\"gsi\":24,\"kind\":\"msi\","
			   "\"address\":4276092928,\"data\":65}]}"));
	free(json);
	/* more than there are bytes for */
	((struct vqt_routes *)(void *)t.bytes)->n = 3;
	CHECK_EQ(record_parse(&t.rec, t.bytes, t.len, &why), -EBADMSG);
	((struct vqt_routes *)(void *)t.bytes)->n = UINT32_MAX;
	CHECK_EQ(record_parse(&t.rec, t.bytes, t.len, &why), -EBADMSG);
	end();
}

/* Calls are not the user's; what they returned may be addresses. */
static void anonymised(void)
{
	struct anonymise *a = anonymise_new();
	uint8_t buf[1024];
	struct record r;

	begin(false);
	step(VQT_LIFECYCLE_REALIZE, 1, 7, "fn_1234");
	CHECK_EQ(t.rec.call.call, 1);
	CHECK_EQ(t.rec.call.within, 7);
	CHECK_EQ(t.rec.function_len, 7);
	memcpy(buf, t.bytes, t.len);
	CHECK_EQ(record_parse(&r, buf, anonymise_record(a, &t.e, buf, t.len, sizeof(buf), "x"),
			      NULL),
		 0);
	CHECK_EQ(r.call.call, 0);
	CHECK(!r.function);
	returns(1, 0x55aa55aa55aa);
	memcpy(buf, t.bytes, t.len);
	CHECK_EQ(anonymise_record(a, &t.e, buf, t.len, sizeof(buf), "x"), 0);
	end();
	anonymise_free(a);
}

/* More calls in one another than are drawn. */
static void deep(void)
{
	begin(true);
	for (uint32_t i = 1; i <= 100; i++)
		step(VQT_LIFECYCLE_CALLBACK, i, i - 1, "f");
	for (uint32_t i = 100; i; i--)
		returns(i, 0);
	fflush(out);
	CHECK(text_len > 100 && strstr(text, "\"inside\":["));
	end();
}

/* Where a call came from stands below it. */
static void stacks(void)
{
	static const char symbols[] = "realize+0x5/0x20 [qemu]\0\0";
	struct vqt_stack v = {
		.id = 7, .nframes = 2, .flags = VQT_STACK_CUT, .len = sizeof(symbols)
	};
	struct vqt_lifecycle l = { .what = VQT_LIFECYCLE_REALIZE };
	const uint64_t pc[2] = { 0x1005, 0x2000 };
	const uint32_t id = 7;
	_Alignas(8) uint8_t tail[128];
	struct build b = { .bytes = tail, .size = sizeof(tail) };

	for (unsigned json = 0; json < 2; json++) {
		begin(json);
		memcpy(tail, pc, sizeof(pc));
		memcpy(tail + sizeof(pc), symbols, sizeof(symbols));
		builder_add(&t, VQT_STACK, &v, sizeof(v), tail, sizeof(pc) + sizeof(symbols));
		feed();
		b.len = tags(tail, 1, 0, NULL);
		build_value(&b, VQT_TAG_STACK, &id, sizeof(id));
		builder_add(&t, VQT_LIFECYCLE, &l, sizeof(l), tail, b.len);
		feed();
		returns(1, 0);
		fflush(out);
		if (json)
			CHECK(strstr(text,
				     "\"stack\":[\"realize+0x5/0x20 [qemu]\",\"0x2000\",\"...\"]"));
		else
			CHECK(strstr(text, "    at realize+0x5/0x20 [qemu]\n") &&
			      strstr(text, "    at 0x2000\n") && strstr(text, "    at ...\n"));
		end();
	}
}

static const struct tap_test tests[] = {
	{ "calls in one another", nested },
	{ "what calls return", results },
	{ "lost begins and ends", lost },
	{ "register writes and what they do", by_register },
	{ "types of devices", types },
	{ "interrupt routes", routes },
	{ "calls of coroutines", coroutines },
	{ "anonymised", anonymised },
	{ "very deep", deep },
	{ "call stacks", stacks },
};

TAP_MAIN(tests)
