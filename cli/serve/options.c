/* SPDX-License-Identifier: MIT */
/* The command line of vqtrace serve: its own options, the protocols', the device types'. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/options.h"
#include "cli/serve/impl.h"
#include "decoder/class/class.h"
#include "decoder/spec/constants.h"
#include "decoder/util/number.h"

#define CLASSES 32 /* at most */

static int parse_queue_size(void *config, const char *value, struct text *why)
{
	unsigned long long v;

	if (!number_parse(value, 32768, &v) || v < 2 || v & (v - 1))
		return option_refuse(why, "not a power of two from 2 to 32768");
	((struct serve_run *)config)->cfg.queue_size = (uint16_t)v;
	return 0;
}

/* The names of all faults, in lines. */
static void fault_names(struct text *to)
{
	size_t line = 0;

	for (const struct emu_fault_row *f = emu_faults; f->name; f++) {
		bool wrap = !line || line + strlen(f->name) > 76;

		line = wrap ? strlen(f->name) : line + 1 + strlen(f->name);
		text_add(to, "%s%s", wrap ? "\n  " : " ", f->name);
	}
}

/* NAME[,after=N][,times=N] */
static int parse_fault(void *config, const char *value, struct text *why)
{
	struct serve_run *r = config;
	const struct emu_fault_row *row;
	char copy[128], *save, *word;
	unsigned long long v;

	r->list_faults = !strcmp(value, "list");
	if (r->list_faults)
		return 0;
	snprintf(copy, sizeof(copy), "%s", value);
	word = strtok_r(copy, ",", &save);
	row = word ? emu_fault_by_name(word) : NULL;
	if (!row) {
		text_puts(why, "not a fault; these are:");
		fault_names(why);
		return -EINVAL;
	}
	r->fault = (struct emu_fault){ .id = row->id };
	while ((word = strtok_r(NULL, ",", &save))) {
		bool after = !strncmp(word, "after=", 6), times = !strncmp(word, "times=", 6);

		if ((!after && !times) || !number_parse(word + 6, UINT32_MAX, &v) || (times && !v))
			return option_refuse(why, "want NAME[,after=N][,times=N]");
		*(after ? &r->fault.after : &r->fault.count) = (uint32_t)v;
	}
	r->cfg.fault = &r->fault;
	r->fault_what = row->what;
	return 0;
}

static int parse_check(void *config, const char *value, struct text *why)
{
	return check_live_option(&((struct serve_run *)config)->check, value, why);
}

const struct option_row serve_options[] = {
	{ OPTION_HEADING, .help = "Any device" },
	{ OPTION_NUMBER, 0, "queues", "N", "request queues (default 1)",
	  OPTION_TO(struct serve_run, cfg.queues), .min = 1, .max = 1024,
	  .want = "a number from 1 to 1024" },
	{ OPTION_CALL, 0, "queue-size", "N",
	  "entries in each, a power of two (default 256; vhost-user: at most 1024, the client "
	  "chooses)",
	  .call = parse_queue_size },
	{ OPTION_LIST, 0, "features", "LIST",
	  "+NAME to offer, -NAME not to, of the features it can do: "
	  "+in_order,-ring_packed,-event_idx,...",
	  OPTION_TO(struct serve_run, features) },
	{ OPTION_FLAG, 0, "transitional", NULL, "with the legacy interface too (vfio-user)",
	  OPTION_TO(struct serve_run, cfg.transitional) },
	{ OPTION_FLAG, 0, "no-msix", NULL, "INTx only (vfio-user)",
	  OPTION_TO(struct serve_run, cfg.no_msix) },
	{ OPTION_CALL, 0, "fault", "NAME",
	  "break this rule on purpose, to test drivers and tools; NAME,after=N,times=M: from the "
	  "N-th occasion on, M times (--fault list: the names)",
	  .call = parse_fault },
	{ OPTION_HEADING, .help = "The trace" },
	{ OPTION_TEXT, 'w', "write", "FILE",
	  "write one, as 'vqtrace record' would; - is standard output",
	  OPTION_TO(struct serve_run, out.path) },
	{ OPTION_TIME, 0, "duration", "TIME",
	  "end the trace after 10s, 5m, ...; the device continues",
	  OPTION_TO(struct serve_run, duration), .want = "a time such as 10s or 5m" },
	TRACE_OUT_OPTIONS(struct serve_run, out, "end the trace"),
	{ OPTION_NUMBER, 's', "snaplen", "BYTES",
	  "leading bytes of each buffer, 0 to 1024 (default 32)",
	  OPTION_TO(struct serve_run, tap.snaplen), .max = 1024,
	  .want = "a number of bytes from 0 to 1024" },
	{ OPTION_TIME, 0, "sample", "TIME",
	  "look at each queue's ring this often (default 1s; 0: never)",
	  OPTION_TO(struct serve_run, sample), .want = "a time such as 1s or 200ms, or 0" },
	{ OPTION_CALL, 0, "check", "[=LEVEL]", CHECK_LIVE_HELP, .call = parse_check },
	{ OPTION_HEADING, .help = "Serving" },
	{ OPTION_FLAG, 0, "once", NULL, "end when the first client leaves",
	  OPTION_TO(struct serve_run, once) },
	{ OPTION_NUMBER, 0, "spin", "USEC",
	  "look for more work that long before sleeping (default 10)",
	  OPTION_TO(struct serve_run, cfg.spin_us), .max = 10000,
	  .want = "a number of microseconds up to 10000" },
	{ OPTION_TIME, 0, "delay-interrupts", "TIME",
	  "send each interrupt so much later than the device decides to: to test tools that say "
	  "where time goes",
	  OPTION_TO(struct serve_run, cfg.delay_irq), .max = 10000000000,
	  .want = "a time such as 500us or 5ms, up to 10s" },
	{ OPTION_FLAG, 0, "no-confine", NULL,
	  "keep all rights (for debuggers); by default, once its files are open, it gives up "
	  "opening any (landlock), new privileges, and all system calls but a few (seccomp)",
	  OPTION_TO(struct serve_run, no_confine) },
	{ OPTION_FLAG, 'q', "quiet", NULL, "print only errors and warnings",
	  OPTION_TO(struct serve_run, quiet) },
	{ OPTION_FLAG, 'V', "verbose", NULL, "print more", OPTION_TO(struct serve_run, verbose) },
	{},
};

/* An option for each protocol, whose value is the socket. */
static void protocol_rows(struct option_row out[SERVE_PROTOCOLS + 1])
{
	unsigned i;

	for (i = 0; server_protocols[i] && i < SERVE_PROTOCOLS; i++)
		out[i] = (struct option_row){
			.kind = OPTION_TEXT,
			.name = server_protocols[i]->name,
			.value = "SOCKET",
			.help = server_protocols[i]->summary,
			.to = offsetof(struct serve_run, socket) + i * sizeof(const char *),
			.size = sizeof(const char *),
		};
	out[i] = (struct option_row){ .kind = OPTION_END };
}

static void print_rows(FILE *to, const char *heading, const struct option_row *rows,
		       void (*row)(FILE *to, const struct option_row *o))
{
	fprintf(to, "\n%s:\n", heading);
	for (; rows->kind != OPTION_END; rows++)
		row(to, rows);
}

void serve_help(FILE *to, void (*row)(FILE *to, const struct option_row *o))
{
	struct option_row rows[SERVE_PROTOCOLS + 1];

	protocol_rows(rows);
	print_rows(to, "The protocol", rows, row);
	for (unsigned i = 0; emu_classes[i]; i++)
		print_rows(to, emu_classes[i]->setup->title, emu_classes[i]->setup->options, row);
}

/* --- what was chosen -------------------------------------------------------- */

/* Bits of the core it can offer beside the usual ones. */
static uint64_t on_request(void)
{
	return SPEC_BIT(VIRTIO_F_IN_ORDER) | SPEC_BIT(VIRTIO_F_NOTIFICATION_DATA) |
	       SPEC_BIT(VIRTIO_F_NOTIF_CONFIG_DATA) | SPEC_BIT(VIRTIO_F_ACCESS_PLATFORM) |
	       SPEC_BIT(VIRTIO_F_ORDER_PLATFORM);
}

/* +name,-name,... */
static int parse_features(struct serve_run *r, const char *value)
{
	const struct emu_class *cls = r->cfg.cls;
	uint64_t can = cls->features_all | emu_virtio_core_features() | on_request();
	char copy[512], *save, *word;

	snprintf(copy, sizeof(copy), "%s", value);
	for (word = strtok_r(copy, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		bool minus = *word == '-';
		int bit = class_feature_by_name(cls->virtio_id, word + (minus || *word == '+'));

		if (bit < 0 || bit > 63 || !(can & SPEC_BIT(bit)))
			return 1 + cli_usage("--features %s: '%s' is not a feature this device can "
					     "offer; for example +in_order,-ring_packed,-event_idx",
					     value, word);
		*(minus ? &r->cfg.features_off : &r->cfg.features_on) |= SPEC_BIT(bit);
		*(minus ? &r->cfg.features_on : &r->cfg.features_off) &= ~SPEC_BIT(bit);
	}
	return 0;
}

/* The class one of whose options was given; its configuration becomes the run's. */
static int choose_class(struct serve_run *r, const struct cli_option_group *own)
{
	const struct option_row *by = NULL;
	TEXT(list, 256);

	for (unsigned i = 0; emu_classes[i]; i++) {
		text_add(&list, "%s--%s", i ? ", " : "", emu_classes[i]->setup->options[0].name);
		if (!own[i].given)
			continue;
		if (by)
			return 1 + cli_usage("--%s is of a virtio-%s device, --%s of a virtio-%s "
					     "device; choose one",
					     by->name, r->cfg.cls->name, own[i].given->name,
					     emu_classes[i]->name);
		by = own[i].given;
		r->cfg.cls = emu_classes[i];
		r->class_config = own[i].config;
	}
	return by ? 0 : 1 + cli_usage("say which device to be, one of: %s", list.buf);
}

static int choose_protocol(struct serve_run *r)
{
	TEXT(list, 256);

	for (unsigned i = 0; server_protocols[i]; i++) {
		text_add(&list, "%s--%s SOCKET", i ? ", " : "", server_protocols[i]->name);
		if (!r->socket[i])
			continue;
		if (r->protocol)
			return 1 + cli_usage("--%s or --%s: choose one protocol", r->protocol->name,
					     server_protocols[i]->name);
		r->protocol = server_protocols[i];
		r->path = r->socket[i];
	}
	return r->protocol ? 0 : 1 + cli_usage("say where to serve, one of: %s", list.buf);
}

/* Do the options fit together? */
static int check_options(struct serve_run *r)
{
	const struct emu_class *cls = r->cfg.cls;
	bool pipe = cli_is_stdout(r->out.path);
	bool rotated = r->out.rotate_size || r->out.rotate_ns;
	int stop = 0;

	if (!r->protocol->transport && (r->cfg.transitional || r->cfg.no_msix))
		return 1 +
		       cli_usage("--transitional and --no-msix are of the PCI function, which with "
				 "%s is the client's (QEMU: disable-modern=, vectors=0)",
				 r->protocol->name);
	if (cls->queues_max && r->cfg.queues > cls->queues_max)
		return 1 + cli_usage("--queues: a virtio-%s device has at most %u", cls->name,
				     cls->queues_max);
	if (!r->out.path && (r->duration || r->out.max_size || r->out.files || rotated))
		return 1 + cli_usage("limits and --rotate-* are of a trace; give -w a file");
	if (pipe && rotated)
		return 1 + cli_usage("a pipe cannot be rotated; give -w a file");
	if (pipe && isatty(STDOUT_FILENO))
		return 1 + cli_usage("-w -: standard output is a terminal; pipe it, "
				     "for example into 'vqtrace show -r -'");
	for (unsigned i = 0; i < r->features.n && !stop; i++)
		stop = parse_features(r, r->features.item[i]);
	return stop;
}

static int list_faults(void)
{
	for (const struct emu_fault_row *f = emu_faults; f->name; f++)
		printf("%-28s %s\n", f->name, f->what);
	return cli_output(false);
}

int serve_parse(struct serve_run *r, int argc, char **argv)
{
	struct option_row protocols[SERVE_PROTOCOLS + 1];
	struct cli_option_group g[2 + CLASSES] = {
		{ .rows = serve_options, .config = r },
		{ .rows = protocols, .config = r },
	}, *own = g + 2;
	unsigned n = 0;
	int stop = 0;

	protocol_rows(protocols);
	for (; emu_classes[n] && n < CLASSES && !stop; n++) {
		const struct emu_class_setup *s = emu_classes[n]->setup;

		own[n] = (struct cli_option_group){ .rows = s->options,
						    .config = calloc(1, s->config_size) };
		if (!own[n].config)
			stop = 1 + cli_error("no memory");
		else if (s->init)
			s->init(own[n].config);
	}
	if (!stop)
		stop = cli_parse_groups(argc, argv, g, 2 + n);
	if (!stop && r->list_faults)
		stop = 1 + list_faults();
	if (!stop)
		stop = cli_no_operands(argc, argv);
	if (!stop)
		stop = choose_class(r, own);
	if (!stop)
		stop = choose_protocol(r);
	if (!stop)
		stop = check_options(r);
	for (unsigned i = 0; i < n; i++)
		if (own[i].config != r->class_config)
			free(own[i].config);
	return stop;
}
