/* SPDX-License-Identifier: MIT */
/*
 * The names of all values of an event, in one table.  The JSON and verbose printers and the
 * filters use it, so `show -T json`, `show -V` and `-Y` always agree.
 *
 * The table has groups.  A group is the JSON object of that name; the group without a name
 * is the event's own object.  A group says which event types can have it, so that walking an
 * event skips the other groups.
 */
#ifndef VQT_DECODER_FIELDS_FIELDS_H
#define VQT_DECODER_FIELDS_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "decoder/model/model.h"

enum field_kind {
	FIELD_U64, /* decimal in people's output */
	FIELD_I64, /* the same, signed: u holds its two's complement */
	FIELD_HEX, /* an integer people read in hexadecimal */
	FIELD_TIME, /* ns */
	FIELD_STR,
	FIELD_BOOL,
	FIELD_BYTES, /* hex string in JSON */
};

/*
 * One value.  It needs no initialisation.  Get the elements of an array from 0 upwards with
 * the same struct, which remembers its position (FIELD_ORDERED).
 */
struct field_value {
	uint64_t u;
	const char *str; /* FIELD_STR: len bytes, not terminated, hostile; may point into buf */
	const uint8_t *bytes; /* FIELD_BYTES: len of them */
	size_t len;
	unsigned nth; /* private to the getters: element that `pos` and `seg` are of */
	uint32_t pos;
	struct record_seg seg;
	char buf[512];
};

/* struct field.flags */
#define FIELD_ARRAY 0x01 /* has elements; all arrays of one prefix have equally many */
#define FIELD_FILTER 0x02 /* for filters only: not printed */
#define FIELD_ALIASES 0x04 /* element 0 is printed; filters take the others for it, too */
#define FIELD_ORDERED 0x08 /* an element can only be got after the one before, in the same struct */

struct field {
	const char *path; /* "register.value"; of array elements: "avail.descriptors.len" */
	uint8_t kind; /* enum field_kind */
	uint8_t flags; /* FIELD_* */
	/*
	 * Most values are a number in the record's fixed part: `size` bytes at `at`,
	 * there if any bit of `known` is set at `known_at` (or known is 0).
	 * FIELD_STR: its word in `names`.  FIELD_BOOL: whether `bit` is set in it.
	 */
	uint8_t size;
	uint16_t at, known_at;
	uint32_t known, bit;
	/* The others have a function; false when this event, or element i, has no value. */
	bool (*get)(const struct event *e, unsigned i, struct field_value *v);
	const char *label; /* for -V: "Value" */
	const char *help; /* for the man page and `show --fields` */
	/* Words: of numbers (a filter may use them), or all that a text can be. */
	const struct spec_name *names;
	/* The same counted, for words that live in other tables; "" is a hole, NULL the end. */
	const char *(*word)(unsigned n);
	/*
	 * The number that a word stands for in element i of this event, where that
	 * depends on the event (a feature's bit).  e NULL: can it mean anything at all?
	 */
	bool (*resolve)(const struct event *e, unsigned i, const char *word, uint64_t *value);
};

struct field_group {
	const char *name; /* "" for the event's own keys */
	const char *title; /* for -V */
	uint64_t events; /* 1 << enum vqt_type of those that can have it */
	const struct field *fields; /* ends with path NULL; members of one array are adjacent */
	bool memory; /* what was read of rings and buffers: absent where that is undecodable */
};

/* Ends with name NULL.  The group without a name is first. */
extern const struct field_group field_groups[];

/* The value in this event, by whichever way the field has; scalars have i = 0. */
bool field_get(const struct field *f, const struct event *e, unsigned i, struct field_value *v);
const struct field *field_by_path(const char *path); /* NULL */
const struct field_group *field_group_of(const struct field *f);
/* All fields in order, for lists: NULL past the end. */
const struct field *field_nth(unsigned n);
/* "integer", "ns", "text" ... */
const char *field_kind_name(unsigned kind);

static inline bool field_group_has(const struct field_group *g, const struct event *e)
{
	unsigned type = e->rec->h.type;

	return type < 64 && (g->events >> type & 1) && !(g->memory && e->undecodable);
}

/* The parts of the table in their files; use field_groups. */
extern const struct field fields_tally[], fields_vhost_user[], fields_event[], fields_register[],
	fields_kick[], fields_ring[], fields_sample[], fields_avail[], fields_request[],
	fields_used[], fields_interrupt[], fields_buffers[], fields_data[], fields_lifecycle[],
	fields_guest[], fields_backend[], fields_returned[], fields_routes[], fields_session[],
	fields_source[], fields_device[], fields_device_state[], fields_queue_state[],
	fields_clock[], fields_loss[], fields_note[], fields_stack[], fields_exchange[],
	fields_class[];

/* To write a row of the table. */
#define FIELD_AT(member) \
	.at = offsetof(struct record, member), .size = sizeof(((struct record *)0)->member)
#define FIELD_IF(member, bits) .known_at = offsetof(struct record, member), .known = (bits)

/* To write a getter: give a value and return true. */
static inline bool field_set_u64(struct field_value *v, uint64_t u)
{
	v->u = u;
	return true;
}

static inline bool field_set_str(struct field_value *v, const char *s)
{
	v->str = s;
	v->len = strlen(s);
	return true;
}

/* The name of a number, or (NULL) the number itself. */
bool field_set_word(struct field_value *v, const char *name, uint64_t number);

/* A getter of a number, and of a text: when there is one, and which. */
#define FIELD_GETTER(name, present, value) \
	static bool get_##name(const struct event *e, unsigned i, struct field_value *v) \
	{ \
		return (present) && field_set_u64(v, value); \
	}
#define FIELD_TEXT_GETTER(name, present, text) \
	static bool get_##name(const struct event *e, unsigned i, struct field_value *v) \
	{ \
		return (present) && field_set_str(v, text); \
	}

#endif
