/* SPDX-License-Identifier: MIT */
/* Internal to decoder/diff; others include diff.h. */
#ifndef VQT_DECODER_DIFF_IMPL_H
#define VQT_DECODER_DIFF_IMPL_H

#include "decoder/diff/diff.h"
#include "decoder/util/hash.h"

#define DIFF_STREAM_MAX (4 * DIFF_WINDOW) /* most items that a side of a stream holds */
#define DIFF_STREAMS_MAX 4096 /* further queues are not compared (a hostile file) */
#define DIFF_ITEMS_MAX 262144 /* items held in all streams of a side */
#define DIFF_KEYS 5
#define DIFF_IDLE_KICK "request on an idle queue"
#define DIFF_WHOLE (UINT64_MAX / 4) /* concerns the whole trace, not a place near one event */

enum item_kind {
	ITEM_REGISTER, /* field, op, value */
	ITEM_STATUS, /* device_status written */
	ITEM_ANSWER, /* device_status read, different from what was written */
	ITEM_CHECK, /* the driver checks whether FEATURES_OK is still set */
	ITEM_QUEUE_RESET,
	ITEM_ERROR, /* text */
	ITEM_CONFIG_IRQ,
	ITEM_LIFECYCLE,
	ITEM_REQUEST,
};

/* Whether there was a notification at the beginning and end of a queue's busy period. */
enum notified { NOTIFY_UNKNOWN, NOTIFY_YES, NOTIFY_NO };

/* Requests: indices into v[]. */
enum { REQ_TYPE, REQ_SECTOR, REQ_BYTES, REQ_SEGMENTS, REQ_USED_LEN, REQ_STATUS, REQ_VALUES };
#define REQ_NONE UINT64_MAX /* not known, not completed */

struct diff_item {
	/*
	 * Hashes of the properties in which two items can agree.  Level 0 covers all of them, the
	 * last level only the subject, which two items with different values share; 0: no such
	 * level.
	 */
	uint64_t key[DIFF_KEYS];
	uint64_t number, done; /* events; done: of the completion, 0 none */
	uint64_t behind[DIFF_SIDES]; /* in the pool: the events last aligned before it, a side */
	uint64_t v[REQ_VALUES];
	const struct spec_field *field;
	const struct spec_request *request;
	char *text; /* owned */
	uint32_t at; /* offset where there is no field, lifecycle step, chain flags */
	uint16_t select; /* queue, feature word */
	uint16_t queue;
	uint8_t kind, class, op, region;
	uint8_t width;
	bool pending; /* may still change: cannot be aligned yet */
	bool indirect;
	uint8_t kicked, interrupted; /* enum notified */
};

/* A FIFO of items: an array whose first item moves up, and which is compacted at times. */
struct item_list {
	struct diff_item *t;
	size_t first, n, cap;
};

struct diff_stream {
	unsigned pair;
	unsigned key; /* stream_key() */
	size_t window; /* items to align; doubled when the last window had nothing in common */
	bool pooled; /* unaligned items go to the pair's pool, to match elsewhere */
	struct item_list side[DIFF_SIDES];
	uint64_t last[DIFF_SIDES]; /* event numbers of the latest aligned items */
	UT_hash_handle hh;
};

enum { STREAM_SETUP = 0x10000, STREAM_LIFECYCLE = 0x10001 }; /* others: the queue's index */

/* State of one queue of one side. */
struct diff_queue {
	unsigned key; /* pair << 16 | queue */
	bool kick_idx_known, kicked;
	uint16_t kick_idx; /* available index as of the latest kick */
	uint64_t busy; /* number of the request that began the busy period, 0 idle */
	bool asked, interrupted; /* in the busy period an interrupt was requested; one came */
	UT_hash_handle hh;
};

/* One side of a pair, as it is being read. */
struct diff_half {
	bool there;
	uint16_t id; /* trace-wide */
	struct model_device facts; /* as surveyed; pointers in it are not used */
	struct item_list pending; /* set-up facts learned since the last step */
	bool checking, resetting;
	uint64_t seen; /* 1ULL << enum vqt_type */
	bool seen_pci;
};

struct diff_pair_impl {
	struct diff_pair pub;
	struct diff_half half[DIFF_SIDES];
	struct item_list pool[DIFF_SIDES]; /* requests not aligned in their stream */
	unsigned virtio_id;
	bool decides[DIFF_SIDES]; /* has VQT_IRQ_SIGNAL; messages repeat it */
};

struct diff_group {
	struct difference pub;
	uint64_t key;
	UT_hash_handle hh;
};

struct diff {
	uint32_t classes;
	struct diff_pair_impl *pair;
	unsigned npair, cap;
	struct diff_half *survey[DIFF_SIDES]; /* before diff_match() */
	unsigned nsurvey[DIFF_SIDES];
	struct diff_stream *stream; /* uthash */
	struct diff_queue *queue[DIFF_SIDES]; /* uthash */
	bool ended[DIFF_SIDES];
	uint64_t items[DIFF_SIDES]; /* made so far */
	size_t held[DIFF_SIDES]; /* items in all streams */
	unsigned full[DIFF_SIDES]; /* streams at their limit */
	uint64_t seen[DIFF_SIDES]; /* 1ULL << enum vqt_type, any device */
	bool seen_pci[DIFF_SIDES];
	unsigned source[DIFF_SIDES]; /* enum vqt_source_kind that last spoke of a device */
	struct diff_group *group; /* uthash */
	struct difference **sorted;
	size_t nsorted;
	uint64_t total, unreported;
	char caveat[8][160];
	unsigned ncaveat;
	struct diff_work *work;
};

static inline bool diff_on(const struct diff *d, unsigned class)
{
	return d->classes >> class & 1;
}

/* decoder/diff/match.c: the pair and side a device of the trace belongs to; NULL. */
struct diff_pair_impl *diff_pair_of(struct diff *d, enum diff_side side, unsigned id);

/* decoder/diff/stream.c.  0 or -ENOMEM; the item's text is then the list's. */
int item_append(struct item_list *l, const struct diff_item *t);
void item_list_free(struct item_list *l);
static inline struct diff_item *item_at(const struct item_list *l, size_t i)
{
	return l->t ? l->t + l->first + i : NULL; /* NULL: an empty list's */
}

/* The side of a pair that is being read, and its event (NULL at the end). */
struct diff_event {
	struct diff *d;
	struct diff_pair_impl *p;
	enum diff_side side;
	struct diff_half *h; /* of the pair */
	const struct event *e;
};

/* Turn an event into items: decoder/diff/setup.c, lifecycle.c, request.c.  0 or -ENOMEM. */
int diff_setup_feed(const struct diff_event *s);
int diff_lifecycle_feed(const struct diff_event *s);
int diff_request_feed(const struct diff_event *s);
/* Add a step of the device, whose text is then the stream's, to a stream.  0 or -ENOMEM. */
int diff_setup_step(const struct diff_event *s, unsigned stream, struct diff_item *t);
/* Move the facts learned since the last step to the stream.  0 or -ENOMEM. */
int diff_setup_flush(const struct diff_event *s);
void diff_request_end(struct diff *d, enum diff_side side);

/* decoder/diff/stream.c: append an item to a stream of a pair.  0 or -ENOMEM. */
int diff_stream_add(const struct diff_event *s, unsigned key, const struct diff_item *t);
/* A request that is still in its queue's stream, by its event's number; NULL if there is none. */
struct diff_item *diff_stream_item(const struct diff_event *s, unsigned queue, uint64_t number);
/* Align the items that can be aligned; force: all of them. */
int diff_stream_run(struct diff *d, struct diff_stream *l, bool force);
int diff_pool_settle(struct diff *d, struct diff_pair_impl *p, bool all);

/*
 * decoder/diff/align.c: mark a longest common subsequence of a and b, Myers' O(ND) in
 * linear space: ma[i], mb[j] are set where they belong to it.  0 or -ENOMEM.
 */
int diff_align(struct diff_work **w, const uint64_t *a, size_t n, const uint64_t *b, size_t m,
	       uint8_t *ma, uint8_t *mb);
void diff_work_free(struct diff_work *w);

/* decoder/diff/item_text.c: append an item to a text. */
struct text;
struct class;
void item_put_subject(struct text *s, const struct diff_item *t); /* of set-up and lifecycle */
void item_put_value(struct text *s, const struct diff_item *t, unsigned virtio_id);
void item_put_type(struct text *s, const struct diff_item *t); /* of a request */
void item_put_request(struct text *s, const struct diff_item *t);
/* v[which] of a request. */
void item_put_number(struct text *s, const struct class *c, const struct diff_item *t,
		     unsigned which);

/* decoder/diff/report.c: turn items into differences.  a or b may be NULL; near: events to show. */
void diff_report(struct diff *d, struct diff_pair_impl *p, const struct diff_item *a,
		 const struct diff_item *b, const uint64_t near[DIFF_SIDES]);
void diff_report_moved(struct diff *d, struct diff_pair_impl *p, const struct diff_item *a,
		       const struct diff_item *b);
/* Report whether two equal requests differ in notifications. */
void diff_report_notify(struct diff *d, struct diff_pair_impl *p, const struct diff_item *a,
			const struct diff_item *b);
/* Report differences in the facts of two devices; call once a pair. */
void diff_report_pair(struct diff *d, struct diff_pair_impl *p);
void diff_report_counts(struct diff *d, struct diff_pair_impl *p);

#endif
