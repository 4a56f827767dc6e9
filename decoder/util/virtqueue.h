/* SPDX-License-Identifier: MIT */
/*
 * Virtqueue arithmetic, virtio 1.4: split indices (2.7), packed positions and
 * wrap counters (2.8), when a notification is due, and where things lie.
 *
 * A split index is the free-running 16-bit counter of the available or used
 * ring.  A packed position is a slot number in bits 0 to 14 and the wrap counter
 * in bit 15, as in event suppression structures (2.8.10) and NOTIFICATION_DATA
 * (2.9).  Everything is in host byte order.
 *
 * Any argument is safe: values that no correct driver or device would write give
 * some result, never undefined behaviour.  BPF programs include this header, so
 * it needs no C library.
 */
#ifndef VQT_DECODER_UTIL_VIRTQUEUE_H
#define VQT_DECODER_UTIL_VIRTQUEUE_H

#include <linux/types.h>
#include <stdbool.h>

/* 2.8.1: the bits of a packed descriptor's flags that carry a wrap counter */
#define VIRTQ_DESC_F_AVAIL (1U << 7)
#define VIRTQ_DESC_F_USED (1U << 15)

/* --- notifications ----------------------------------------------------------- */

/* 2.7.10: did the index, on its way from old to now, pass the entry `event`? */
static inline bool virtq_need_event(__u16 event, __u16 now, __u16 old)
{
	return (__u16)(now - event - 1) < (__u16)(now - old);
}

/* Is the entry behind the index idx, rather than at or ahead of it? */
static inline bool virtq_passed(__u16 entry, __u16 idx)
{
	return (__u16)(idx - entry - 1) < 0x8000;
}

/* --- positions ---------------------------------------------------------------- */

static inline __u16 virtq_slot(__u16 pos)
{
	return pos & 0x7fff;
}

static inline bool virtq_wrap(__u16 pos)
{
	return pos >> 15;
}

static inline __u16 virtq_position(__u16 slot, bool wrap)
{
	return (__u16)(virtq_slot(slot) | wrap << 15);
}

/*
 * Packed positions repeat after two laps.  The number of a position counts slots
 * from the first of the lap with wrap counter 1, where a ring begins:
 * [0, 2 * size), and 0 when size is.
 */
static inline __u32 virtq_number(__u16 pos, __u32 size)
{
	__u32 n = virtq_slot(pos) + (virtq_wrap(pos) ? 0 : size), laps = 2 * size;

	if (n < laps)
		return n;
	return laps ? n % laps : 0;
}

/* The position of a number, which may have gone on past two laps. */
static inline __u16 virtq_numbered(__u32 n, __u32 size)
{
	__u32 laps = 2 * size;

	if (!laps)
		return 0;
	n %= laps;
	return virtq_position((__u16)(n % size), n < size);
}

/* How many numbers there are before they repeat. */
static inline __u32 virtq_numbers(__u32 size, bool packed)
{
	return packed ? 2 * size : 65536;
}

/* Slots from one packed position forward to another: [0, 2 * size). */
static inline __u32 virtq_slots_between(__u16 from, __u16 to, __u32 size)
{
	__u32 a = virtq_number(from, size), b = virtq_number(to, size);

	return b >= a ? b - a : b + 2 * size - a;
}

/* 2.8.10: is `event` one of the last `moved` slots behind the position `now`? */
static inline bool virtq_packed_need_event(__u16 event, __u16 now, __u32 moved, __u32 size)
{
	__u32 behind = virtq_slots_between(event, now, size);

	return behind && behind <= moved;
}

/* 2.8.1: the packed position n slots on, n at most size; the counter flips at the end. */
static inline __u16 virtq_advance(__u16 pos, __u32 n, __u32 size)
{
	__u32 slot = virtq_slot(pos) + n;
	bool over = size && slot >= size;

	return virtq_position((__u16)(over ? slot - size : slot), virtq_wrap(pos) ^ over);
}

/* The position behind a chain: the next entry, or as many slots on as it has descriptors. */
static inline __u16 virtq_after(__u16 pos, __u32 slots, __u32 size, bool packed)
{
	return packed ? virtq_advance(pos, slots, size) : (__u16)(pos + 1);
}

/* --- packed descriptors -------------------------------------------------------- */

/* 2.8.1: available when AVAIL equals the driver's wrap counter and USED does not. */
static inline bool virtq_is_available(__u16 flags, bool wrap)
{
	return !!(flags & VIRTQ_DESC_F_AVAIL) == wrap && !!(flags & VIRTQ_DESC_F_USED) != wrap;
}

/* 2.8.1: used when AVAIL and USED both equal the device's wrap counter. */
static inline bool virtq_is_used(__u16 flags, bool wrap)
{
	return !!(flags & VIRTQ_DESC_F_AVAIL) == wrap && !!(flags & VIRTQ_DESC_F_USED) == wrap;
}

/* The bits that make a descriptor available, or used, at this wrap counter. */
static inline __u16 virtq_available_flags(bool wrap)
{
	return wrap ? VIRTQ_DESC_F_AVAIL : VIRTQ_DESC_F_USED;
}

static inline __u16 virtq_used_flags(bool wrap)
{
	return wrap ? VIRTQ_DESC_F_AVAIL | VIRTQ_DESC_F_USED : 0;
}

/* --- places in memory ------------------------------------------------------------ */

/* Offsets in a packed descriptor (2.8.13), and in the available and the used ring. */
#define VIRTQ_PACKED_ID 12
#define VIRTQ_PACKED_FLAGS 14
#define VIRTQ_RING_FLAGS 0
#define VIRTQ_RING_IDX 2
/* Offsets in an event suppression structure (2.8.10), and the bits in use of its flags. */
#define VIRTQ_EVENT_POS 0
#define VIRTQ_EVENT_FLAGS 2
#define VIRTQ_EVENT_FLAGS_MASK 3

/* Offset of descriptor i in a table or a packed ring, and the length of i descriptors. */
static inline __u64 virtq_desc_at(__u32 i)
{
	return 16ULL * i;
}

/* 2.7.6: offset of entry i of the available ring. */
static inline __u64 virtq_avail_at(__u32 i)
{
	return 4 + 2ULL * i;
}

/* 2.7.8: offset of entry i of the used ring. */
static inline __u64 virtq_used_at(__u32 i)
{
	return 4 + 8ULL * i;
}

/* 2.7.6, 2.7.8: the offset of used_event in the available ring, of avail_event in the used. */
static inline __u64 virtq_used_event_at(__u32 size)
{
	return virtq_avail_at(size);
}

static inline __u64 virtq_avail_event_at(__u32 size)
{
	return virtq_used_at(size);
}

/* 2.7, 2.8: lengths of the driver's and the device's area, events included. */
static inline __u64 virtq_driver_len(__u32 size, bool packed)
{
	return packed ? 4 : virtq_used_event_at(size) + 2;
}

static inline __u64 virtq_device_len(__u32 size, bool packed)
{
	return packed ? 4 : virtq_avail_event_at(size) + 2;
}

/*
 * 2.7.2, legacy: the areas in one piece from desc on, the used ring at the next multiple of
 * `align` bytes, a power of 2: 4096 with virtio-pci (4.1.5.1.3), QueueAlign with virtio-mmio.
 */
static inline __u64 virtq_legacy_driver(__u64 desc, __u32 size)
{
	return desc + virtq_desc_at(size);
}

static inline __u64 virtq_legacy_device(__u64 desc, __u32 size, __u32 align)
{
	__u64 end = virtq_legacy_driver(desc, size) + virtq_driver_len(size, false);

	return (end + align - 1) & ~(__u64)(align - 1);
}

#endif
