/* SPDX-License-Identifier: MIT */
/* What a device does whatever its transport. */
#include <errno.h>
#include <string.h>

#include "emu/transport/transport.h"

/* --- lifecycle --------------------------------------------------------------------------- */

int emu_device_new(struct emu_device **out, const struct emu_device_config *cfg)
{
	const struct emu_transport *t = cfg->transport ? cfg->transport : &emu_transport_pci;
	struct emu_device *d;
	int ret = t->create(&d, cfg);
	if (ret < 0)
		return ret;
	d->transport = t;
	d->host = cfg->host;
	ret = emu_virtio_init(&d->v, &cfg->v, t->host, d);
	if (ret < 0) {
		t->destroy(d);
		return ret;
	}
	t->reset(d);
	*out = d;
	return 0;
}

void emu_device_free(struct emu_device *d)
{
	if (!d)
		return;
	emu_virtio_fini(&d->v);
	d->transport->destroy(d);
}

/* --- accesses ---------------------------------------------------------------------------- */

uint64_t emu_device_region_size(const struct emu_device *d, unsigned region)
{
	return d->transport->region_size(d, region);
}

uint64_t emu_device_load(struct emu_device *d, unsigned region, uint64_t off, unsigned width)
{
	return d->transport->load(d, region, off, width);
}

void emu_device_store(struct emu_device *d, unsigned region, uint64_t off, unsigned width,
		      uint64_t value)
{
	d->transport->store(d, region, off, width, value);
}

bool emu_device_notifies(const struct emu_device *d, unsigned region, uint64_t off, uint64_t len)
{
	return d->transport->notifies(d, region, off, len);
}

/* The widest natural access at off of at most len bytes. */
static unsigned natural(uint64_t off, size_t len, unsigned max)
{
	unsigned w = max;
	while (w > 1 && (off % w || w > len))
		w >>= 1;
	return w;
}

static bool in_region(const struct emu_device *d, unsigned region, uint64_t off, size_t len)
{
	uint64_t size = emu_device_region_size(d, region);
	return off <= size && len <= size - off;
}

static int access(struct emu_device *d, unsigned region, uint64_t off, uint8_t *p, size_t len,
		  bool write)
{
	if (!in_region(d, region, off, len))
		return -EINVAL;
	for (unsigned w; len; p += w, off += w, len -= w) {
		uint64_t v = 0;
		w = natural(off, len, region == EMU_REGION_CONFIG || len > 8 ? 4 : 8);
		if (write) {
			memcpy(&v, p, w);
			emu_device_store(d, region, off, w, v);
		} else {
			v = emu_device_load(d, region, off, w);
			memcpy(p, &v, w);
		}
	}
	return 0;
}

int emu_device_read(struct emu_device *d, unsigned region, uint64_t off, void *buf, size_t len)
{
	return access(d, region, off, buf, len, false);
}

int emu_device_write(struct emu_device *d, unsigned region, uint64_t off, const void *buf,
		     size_t len)
{
	return access(d, region, off, (uint8_t *)buf, len, true);
}

/* --- work ---------------------------------------------------------------------------------- */

bool emu_device_resetting(const struct emu_device *d)
{
	for (unsigned i = 0; i < d->v.nqueues; i++)
		if (d->v.queue[i].resetting)
			return true;
	return d->v.resetting;
}

void emu_device_reset(struct emu_device *d)
{
	emu_virtio_set_status(&d->v, 0, false);
	emu_virtio_drain(&d->v);
	d->transport->reset(d);
}
