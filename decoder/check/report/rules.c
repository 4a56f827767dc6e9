/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "decoder/check/report/impl.h"
#include "decoder/check/report/rules.h"
#include "decoder/check/known.h"
#include "decoder/util/json.h"

/* Of the arrow in a line of an example. */
#define COL_ARROW 11

static const struct {
	unsigned need;
	const char *name;
} needs_names[] = {
	{ NEED_REGS, "register accesses" },
	{ NEED_PCI, "PCI configuration accesses" },
	{ NEED_CONFIG, "device configuration accesses" },
	{ NEED_KICK, "kicks" },
	{ NEED_CHAIN, "descriptor chains" },
	{ NEED_USED, "completions" },
	{ NEED_RING, "ring states" },
	{ NEED_BYTES, "leading bytes of buffers" },
	{ NEED_IRQ, "interrupts" },
	{ NEED_LIFE, "the device from a reset on" },
	{ NEED_FLIGHT, "the queue from its start on" },
	{ NEED_AGREED, "what was negotiated and set up" },
	{ NEED_MSIX, "whether MSI-X is enabled" },
	{ NEED_PROMPT, "rings as they were when a side acted" },
	{ NEED_DEVICE, "when the device pops and uses chains" },
};

/* "register accesses": what a rule needs a trace to have; NULL past the last bit of `needs`. */
static const char *need_name(unsigned needs, unsigned nth)
{
	for (size_t i = 0; i < sizeof(needs_names) / sizeof(needs_names[0]); i++)
		if (needs & needs_names[i].need && !nth--)
			return needs_names[i].name;
	return NULL;
}

static int result(FILE *to)
{
	return ferror(to) ? (errno ? -errno : -EIO) : 0;
}

static struct json_object *words(const char *s)
{
	struct json_object *list = json_object_new_array();

	for (size_t n; *s; s += n + (s[n] == ' ')) {
		n = strcspn(s, " ");
		if (n)
			json_object_array_add(list, json_object_new_string_len(s, (int)n));
	}
	return list;
}

/* The one type of device a rule is about; NULL if it is about any. */
static const struct class *device_type(const struct rule *rule)
{
	unsigned id = rule_virtio_id(rule);

	return id ? class_find(id) : NULL;
}

void check_rule_json(struct json_object *o, const struct rule *rule, const char *section)
{
	json_put_str(o, "rule", rule->id);
	json_put_str(o, "party", check_party_name(rule->party));
	json_put_str(o, "severity", check_severity_name(rule->severity));
	json_put_str(o, "section", section ? section : rule->section);
	if (!section && rule->mmio)
		json_put_str(o, "section_mmio", rule->mmio);
	if (!section && rule->legacy)
		json_put_str(o, "section_legacy", rule->legacy);
	json_object_object_add(o, "clauses", words(rule->refs));
	json_put_str(o, "expected", rule->text);
}

/* --- the list --------------------------------------------------------------- */

static void list_json(FILE *to, const struct rule *rule)
{
	struct json_object *o = json_object_new_object(), *needs = json_object_new_array();
	const struct class *class = device_type(rule);
	const char *need;

	check_rule_json(o, rule, NULL);
	if (class)
		json_put_str(o, "device_type", class->name);
	for (unsigned i = 0; (need = need_name(rule->needs, i)); i++)
		json_object_array_add(needs, json_object_new_string(need));
	json_object_object_add(o, "needs", needs);
	json_print(to, o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
}

#define LIST_INDENT 4
#define LIST_TEXT 62 /* column where the text begins on a wide terminal */

static void list_text(FILE *to, const struct rule *rule, unsigned width)
{
	const char *at = rule->text;
	size_t left = strlen(at);
	bool wrap = width && LIST_TEXT + left > width;

	fprintf(to, wrap ? "%-32s %-6s %-10s %s\n" : "%-32s %-6s %-10s %-10s ", rule->id,
		check_party_name(rule->party), check_severity_name(rule->severity), rule->section);
	if (!wrap) {
		fprintf(to, "%s\n", at);
		return;
	}
	while (left) {
		size_t n = text_line(at, left, width > 2 * LIST_INDENT ? width - LIST_INDENT : 1);

		fprintf(to, "%*s%.*s\n", LIST_INDENT, "", (int)n, at);
		n += strspn(at + n, " ");
		at += n;
		left -= n;
	}
}

int check_list(FILE *to, const struct check *c, bool json, unsigned width)
{
	const struct rule *rule;
	struct check_tally t;

	for (unsigned i = 0; (rule = report_rule(c, &i, &t));) {
		if (json)
			list_json(to, rule);
		else
			list_text(to, rule, width);
	}
	return result(to);
}

/* --- a page ----------------------------------------------------------------- */

static void indented(FILE *to, const char *lines)
{
	while (*lines) {
		size_t n = strcspn(lines, "\n");

		fprintf(to, "    %.*s\n", (int)n, lines);
		lines += n + (lines[n] == '\n');
	}
}

static void known(FILE *to, const struct rule *rule)
{
	bool any = false;
	char ref[8];

	for (unsigned i = 0; i < RULE_KNOWN; i++) {
		snprintf(ref, sizeof(ref), "T%02u", i + 1);
		if (!rule_has_ref(rule, ref))
			continue;
		fprintf(to, "%s    %s\n        %s\n", any ? "" : "\nKnown bugs of this kind\n",
			rule_known[i].what, rule_known[i].where);
		any = true;
	}
}

static void facts(FILE *to, const struct rule *rule)
{
	const struct class *class = device_type(rule);
	const char *need;

	fprintf(to, "    broken by the %s; severity %s; virtio 1.4, %s",
		check_party_name(rule->party), check_severity_name(rule->severity), rule->section);
	if (rule->mmio)
		fprintf(to, ", of virtio-mmio %s", rule->mmio);
	if (rule->legacy)
		fprintf(to, ", of the legacy interface %s", rule->legacy);
	fprintf(to, "; %s\n", rule->refs);
	if (class)
		fprintf(to, "    of virtio-%s devices only\n", class->name);
	fputs("    decided from ", to);
	for (unsigned i = 0; (need = need_name(rule->needs, i)); i++)
		fprintf(to, "%s%s", i ? ", " : "", need);
	fputc('\n', to);
}

/* From ASCII to what `show` prints on a terminal: the arrow in its column, those in the text. */
static void put_line(FILE *to, const char *line, size_t n, bool ascii)
{
	static const char *const arrows[] = {
		"<- ",	   "\u2190 ", "-> ",	 "\u2192 ", "> ",
		"\u2192 ", "< ",      "\u2190 ", ". ",	    "\u00b7 "
	};

	for (size_t i = 0; i < n;) {
		bool swapped = false;

		for (unsigned a = 0; !ascii && !swapped && a < sizeof(arrows) / sizeof(arrows[0]);
		     a += 2) {
			size_t len = strlen(arrows[a]);

			/* One character wide: only in its column. */
			if ((len == 2) != (i == COL_ARROW) || i + len > n ||
			    strncmp(line + i, arrows[a], len))
				continue;
			fputs(arrows[a + 1], to);
			i += len;
			swapped = true;
		}
		if (!swapped)
			fputc(line[i++], to);
	}
	fputc('\n', to);
}

static void conversation(FILE *to, const char *lines, bool ascii)
{
	for (size_t n; *lines; lines += n + (lines[n] == '\n')) {
		n = strcspn(lines, "\n");
		fputs("  ", to);
		put_line(to, lines, n, ascii);
	}
}

int check_explain(FILE *to, const struct rule *rule, const struct check_example *example,
		  bool ascii)
{
	fprintf(to, "%s\n\n    %s\n\n", rule->id, rule->text);
	facts(to, rule);
	fputs("\nWhy it matters\n", to);
	indented(to, rule_explanation(rule)->why);
	fputs("\nRight\n", to);
	indented(to, rule_explanation(rule)->right);
	if (example) {
		fputs("  in a trace:\n", to);
		conversation(to, example->right, ascii);
	}
	fputs("\nWrong\n", to);
	indented(to, rule->wrong);
	if (example) {
		fputs("  in a trace, found at the event marked !:\n", to);
		conversation(to, example->wrong, ascii);
	}
	known(to, rule);
	return result(to);
}
