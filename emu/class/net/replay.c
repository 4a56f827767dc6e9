/* SPDX-License-Identifier: MIT */
/*
 * Network devices in replay.  The emulator has no network device, so the answers come from
 * the recording.  QEMU's device receives the recorded frames again.
 */
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <stddef.h>
#include <stdio.h>

#include "decoder/spec/constants.h"
#include "emu/replay/class.h"
#include "emu/replay/impl.h"
#include "emu/replay/profile_impl.h"
#include "emu/replay/qemu/class.h"

#define CONFIG(field) offsetof(struct virtio_net_config, field)

/* 5.1.4 */
static void net_normalise(struct replay_finding *f)
{
	struct replay_device *d = &f->d;
	const unsigned status = CONFIG(status);
	replay_set_config(d, status + 1, 1, 0);
	replay_set_config(d, status, 1,
			  d->config[status] & (VIRTIO_NET_S_LINK_UP | VIRTIO_NET_S_ANNOUNCE));
	/* all queues but the control queue are pairs */
	if (replay_offers(d, VIRTIO_NET_F_MQ) && replay_offers(d, VIRTIO_NET_F_CTRL_VQ) &&
	    f->added > 2)
		replay_set_config(d, CONFIG(max_virtqueue_pairs), 2, (f->added - 1) / 2);
}

static const struct qemu_bit bits[] = {
	/* 5.1.3; not the features that need support of QEMU's backend */
	{ VIRTIO_NET_F_MRG_RXBUF, "mrg_rxbuf" },
	{ VIRTIO_NET_F_STATUS, "status" },
	{ VIRTIO_NET_F_CTRL_VQ, "ctrl_vq" },
	{ VIRTIO_NET_F_CTRL_RX, "ctrl_rx" },
	{ VIRTIO_NET_F_CTRL_VLAN, "ctrl_vlan" },
	{ VIRTIO_NET_F_CTRL_RX_EXTRA, "ctrl_rx_extra" },
	{ VIRTIO_NET_F_CTRL_MAC_ADDR, "ctrl_mac_addr" },
	{ VIRTIO_NET_F_CTRL_GUEST_OFFLOADS, "ctrl_guest_offloads" },
	{ VIRTIO_NET_F_GUEST_ANNOUNCE, "guest_announce" },
	{ VIRTIO_NET_F_MQ, "mq" },
};

static void properties(struct qemu_properties *p, const struct replay_device *d)
{
	const uint8_t *c = d->config;
	uint64_t v;
	char mac[18];

	qemu_set_text(p, "netdev", "net");
	qemu_set_bits(p, bits, sizeof(bits) / sizeof(bits[0]));
	if (qemu_field(d, CONFIG(mac), ETH_ALEN, &v)) {
		snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", c[0], c[1], c[2], c[3],
			 c[4], c[5]);
		qemu_set_text(p, "mac", mac);
	}
	if (d->queue_size[0])
		qemu_set_number(p, "rx_queue_size", d->queue_size[0]);
	if (d->queue_size[1])
		qemu_set_number(p, "tx_queue_size", d->queue_size[1]);
	if (qemu_offered(d, VIRTIO_NET_F_MTU) && qemu_field(d, CONFIG(mtu), 2, &v))
		qemu_set_number(p, "host_mtu", v);
	qemu_set_text(p, "tx", "bh"); /* timers do not run in a machine whose processors sleep */
}

/* 5.1.6: receive queues have even numbers; the control queue is the last. */
static unsigned frame(const struct replay_device *d, const struct replay_answer *a)
{
	if (a->queue % 2 || a->queue + 1 >= d->num_queues)
		return 0;
	return d->modern || d->accepted_ever[0] >> VIRTIO_NET_F_MRG_RXBUF & 1
		       ? sizeof(struct virtio_net_hdr_mrg_rxbuf)
		       : sizeof(struct virtio_net_hdr);
}

/* The link goes up or down. */
static const char *change(const struct replay_config *now, const char **args)
{
	const unsigned status = CONFIG(status);
	for (unsigned n = 0; n < REPLAY_CONFIG_MAX; n++)
		if (replay_bit(now->known, n) && n != status)
			return NULL;
	if (now->bytes[status] & VIRTIO_NET_S_ANNOUNCE)
		return NULL;
	*args = now->bytes[status] & VIRTIO_NET_S_LINK_UP ? "{'name': 'dev', 'up': true}"
							  : "{'name': 'dev', 'up': false}";
	return "set_link";
}

/* What the driver has set, or acknowledged, by a command: 5.1.6.5.2, 5.1.6.5.4. */
static int net_learn(struct replay_finding *f, const struct event *e)
{
	const struct model_request *r = e->req;
	const uint8_t *h = r->head_bytes;
	bool mac = h[0] == VIRTIO_NET_CTRL_MAC && h[1] == VIRTIO_NET_CTRL_MAC_ADDR_SET;
	if (!r->status_known || r->status != VIRTIO_NET_OK || r->head_len < 2)
		return 0;
	return mac || h[0] == VIRTIO_NET_CTRL_ANNOUNCE ? replay_changed(f, e->number, true) : 0;
}

/* A device that has just migrated asks the driver to announce itself; QEMU's has not. */
static int net_begin(struct replay_instance *i)
{
	const unsigned status = CONFIG(status);
	if (!i->scripted && i->d->config[status] & VIRTIO_NET_S_ANNOUNCE)
		replay_set_bit(i->config_unmade, status);
	return 0;
}

static const struct qemu_class qemu_net = {
	.type = "virtio-net-pci",
	.properties = properties,
	.frame = frame,
	.change = change,
};

const struct replay_class replay_net = {
	.virtio_id = VIRTIO_ID_NET,
	.pci_class = 0x02,
	.qemu = &qemu_net,
	.learn = net_learn,
	.begin = net_begin,
	.normalise = net_normalise,
};
