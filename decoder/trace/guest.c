/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "decoder/trace/guest.h"

#define V(name, kind) \
	{ \
		name, GUEST_##kind \
	}
/* A function; what follows are .entry, .at_return, .ret, .proof. */
#define F(function, what_, ...) \
	{ \
		.name = #function, .what = VQT_GUEST_##what_, __VA_ARGS__ \
	}
/* The same of one that a record has by its number. */
#define NUMBERED(function, ...) F(function, __VA_ARGS__, .number = VQT_FUNCTION_##function)
#define RETURNS(kind) .ret = GUEST_##kind
#define ENTRY(...) .entry = { __VA_ARGS__ }
#define AT_RETURN(...) .at_return = { __VA_ARGS__ }

#define VALUES_FEATURES V("offered", FEATURES), V("wanted", FEATURES), V("accepted", FEATURES)
#define VALUES_REQUEST \
	V("rq", POINTER), V("tag", SIGNED), V("op", REQ_OP), V("sector", NUMBER), \
		V("bytes", NUMBER), V("queued", TIME)
#define VALUES_PREPARE \
	V("added", NUMBER), V("avail_idx", NUMBER), V("used_flags", HEX), V("avail_event", NUMBER)
#define VALUES_CALLBACKS V("last_used_idx", NUMBER), V("avail_flags", HEX), V("used_event", NUMBER)

static const struct guest_function functions[] = {
	/* The device is found, and its registers are mapped. */
	F(pci_enable_device, LIFECYCLE, RETURNS(ERRNO)),
	F(virtio_pci_probe, LIFECYCLE, RETURNS(ERRNO)),
	F(virtio_pci_modern_probe, LIFECYCLE, RETURNS(ERRNO)),
	F(virtio_pci_legacy_probe, LIFECYCLE, RETURNS(ERRNO)),
	F(vp_modern_probe, LIFECYCLE, RETURNS(ERRNO)),
	F(vp_legacy_probe, LIFECYCLE, RETURNS(ERRNO)),
	F(vp_modern_map_capability, LIFECYCLE, ENTRY(V("capability", HEX), V("minimum", NUMBER)),
	  RETURNS(POINTER)),
	F(virtio_mmio_probe, LIFECYCLE, RETURNS(ERRNO)),
	F(register_virtio_device, LIFECYCLE, RETURNS(ERRNO)),
	F(unregister_virtio_device, LIFECYCLE),
	F(virtio_dev_match, LIFECYCLE, RETURNS(BOOL)),
	/* A driver takes it. */
	F(virtio_dev_probe, LIFECYCLE, ENTRY(V("offered", FEATURES)), AT_RETURN(VALUES_FEATURES),
	  RETURNS(ERRNO)),
	F(virtio_features_ok, LIFECYCLE, RETURNS(ERRNO)),
	F(virtblk_probe, LIFECYCLE, RETURNS(ERRNO)),
	F(virtnet_probe, LIFECYCLE, RETURNS(ERRNO)),
	F(virtcons_probe, LIFECYCLE, RETURNS(ERRNO)),
	F(virtrng_probe, LIFECYCLE, RETURNS(ERRNO)),
	F(virtballoon_probe, LIFECYCLE, RETURNS(ERRNO)),
	F(virtscsi_probe, LIFECYCLE, RETURNS(ERRNO)),
	F(p9_virtio_probe, LIFECYCLE, RETURNS(ERRNO)),
	F(virtio_fs_probe, LIFECYCLE, RETURNS(ERRNO)),
	F(virtio_gpu_probe, LIFECYCLE, RETURNS(ERRNO)),
	F(virtinput_probe, LIFECYCLE, RETURNS(ERRNO)),
	F(virtcrypto_probe, LIFECYCLE, RETURNS(ERRNO)),
	F(virtio_vsock_probe, LIFECYCLE, RETURNS(ERRNO)),
	F(virtio_pmem_probe, LIFECYCLE, RETURNS(ERRNO)),
	F(virtio_mem_probe, LIFECYCLE, RETURNS(ERRNO)),
	F(viommu_probe, LIFECYCLE, RETURNS(ERRNO)),
	F(virtsnd_probe, LIFECYCLE, RETURNS(ERRNO)),
	F(virtio_i2c_probe, LIFECYCLE, RETURNS(ERRNO)),
	F(virtio_gpio_probe, LIFECYCLE, RETURNS(ERRNO)),
	F(init_vq, LIFECYCLE, RETURNS(ERRNO)),
	F(init_vqs, LIFECYCLE, RETURNS(ERRNO)),
	F(virtnet_find_vqs, LIFECYCLE, RETURNS(ERRNO)),
	F(vp_find_vqs_msix, LIFECYCLE, ENTRY(V("queues", NUMBER)), RETURNS(ERRNO)),
	F(setup_vq, LIFECYCLE, RETURNS(POINTER)),
	F(vp_setup_vq, LIFECYCLE, ENTRY(V("index", NUMBER)), RETURNS(POINTER)),
	F(vring_create_virtqueue, LIFECYCLE, ENTRY(V("index", NUMBER), V("num", NUMBER)),
	  RETURNS(POINTER)),
	F(vring_del_virtqueue, LIFECYCLE),
	F(blk_mq_alloc_tag_set, LIFECYCLE,
	  ENTRY(V("hardware queues", NUMBER), V("depth", NUMBER), V("node", SIGNED)),
	  AT_RETURN(V("hardware queues", NUMBER)), RETURNS(ERRNO)),
	F(device_add_disk, LIFECYCLE, RETURNS(ERRNO)),
	F(virtio_device_ready, LIFECYCLE, .proof = "DRIVER_OK was written while the driver probed"),
	F(register_netdev, LIFECYCLE, RETURNS(ERRNO)),
	F(virtio_config_changed, LIFECYCLE),
	F(virtblk_config_changed_work, LIFECYCLE),
	F(virtnet_config_changed_work, LIFECYCLE),
	/* It ends, sleeps and wakes. */
	F(virtio_reset_device, LIFECYCLE),
	F(virtio_break_device, LIFECYCLE),
	F(virtio_dev_remove, LIFECYCLE),
	F(virtblk_remove, LIFECYCLE),
	F(virtnet_remove, LIFECYCLE),
	F(virtio_pci_remove, LIFECYCLE),
	F(virtio_device_freeze, LIFECYCLE, RETURNS(ERRNO)),
	F(virtio_device_restore, LIFECYCLE, RETURNS(ERRNO)),
	/* struct virtio_config_ops */
	F(vp_get, CONFIG_OP, ENTRY(V("offset", NUMBER), V("bytes", NUMBER))),
	F(vp_set, CONFIG_OP, ENTRY(V("offset", NUMBER), V("bytes", NUMBER))),
	F(vp_generation, CONFIG_OP, RETURNS(NUMBER)),
	F(vp_get_status, CONFIG_OP, RETURNS(STATUS)),
	F(vp_set_status, CONFIG_OP, ENTRY(V("status", STATUS))),
	F(vp_reset, CONFIG_OP),
	F(vp_modern_find_vqs, CONFIG_OP, ENTRY(V("queues", NUMBER)), RETURNS(ERRNO)),
	F(vp_find_vqs, CONFIG_OP, ENTRY(V("queues", NUMBER)), RETURNS(ERRNO)),
	F(vp_del_vqs, CONFIG_OP),
	F(vp_synchronize_vectors, CONFIG_OP),
	F(vp_get_features, CONFIG_OP, RETURNS(FEATURES)),
	F(vp_finalize_features, CONFIG_OP, RETURNS(ERRNO)),
	F(vp_bus_name, CONFIG_OP, RETURNS(POINTER)),
	F(vp_set_vq_affinity, CONFIG_OP, RETURNS(ERRNO)),
	F(vp_get_vq_affinity, CONFIG_OP, ENTRY(V("index", NUMBER)), RETURNS(POINTER)),
	F(vp_get_shm_region, CONFIG_OP, ENTRY(V("id", NUMBER)), RETURNS(BOOL)),
	F(vp_modern_disable_vq_and_reset, CONFIG_OP, RETURNS(ERRNO)),
	F(vp_modern_enable_vq_after_reset, CONFIG_OP, RETURNS(ERRNO)),
	F(vm_get, CONFIG_OP, ENTRY(V("offset", NUMBER), V("bytes", NUMBER))),
	F(vm_set, CONFIG_OP, ENTRY(V("offset", NUMBER), V("bytes", NUMBER))),
	F(vm_generation, CONFIG_OP, RETURNS(NUMBER)),
	F(vm_get_status, CONFIG_OP, RETURNS(STATUS)),
	F(vm_set_status, CONFIG_OP, ENTRY(V("status", STATUS))),
	F(vm_reset, CONFIG_OP),
	F(vm_find_vqs, CONFIG_OP, ENTRY(V("queues", NUMBER)), RETURNS(ERRNO)),
	F(vm_del_vqs, CONFIG_OP),
	F(vm_get_features, CONFIG_OP, RETURNS(FEATURES)),
	F(vm_finalize_features, CONFIG_OP, RETURNS(ERRNO)),
	/* The ring. */
	NUMBERED(virtqueue_kick_prepare, KICK_PREPARE, AT_RETURN(VALUES_PREPARE), RETURNS(BOOL)),
	NUMBERED(vp_notify, NOTIFY, RETURNS(BOOL)),
	NUMBERED(vm_notify, NOTIFY, RETURNS(BOOL)),
	NUMBERED(vp_notify_with_data, NOTIFY, RETURNS(BOOL)),
	NUMBERED(vm_notify_with_data, NOTIFY, RETURNS(BOOL)),
	NUMBERED(virtqueue_disable_cb, CALLBACKS, AT_RETURN(VALUES_CALLBACKS)),
	NUMBERED(virtqueue_enable_cb, CALLBACKS, AT_RETURN(VALUES_CALLBACKS), RETURNS(BOOL)),
	NUMBERED(virtqueue_enable_cb_prepare, CALLBACKS, AT_RETURN(VALUES_CALLBACKS),
		 RETURNS(NUMBER)),
	NUMBERED(virtqueue_enable_cb_delayed, CALLBACKS, AT_RETURN(VALUES_CALLBACKS),
		 RETURNS(BOOL)),
	NUMBERED(vp_interrupt, INTERRUPT, RETURNS(BOOL)),
	NUMBERED(vm_interrupt, INTERRUPT, RETURNS(BOOL)),
	F(vp_config_changed, INTERRUPT, RETURNS(BOOL)),
	NUMBERED(vring_interrupt, INTERRUPT, RETURNS(BOOL)),
	/* blk-mq, virtio_blk, virtio_net */
	NUMBERED(virtio_queue_rq, SUBMIT, RETURNS(NUMBER)),
	NUMBERED(virtio_queue_rqs, SUBMIT),
	NUMBERED(virtio_commit_rqs, SUBMIT),
	NUMBERED(virtblk_done, DONE),
	F(block_rq_issue, RQ_ISSUE, ENTRY(VALUES_REQUEST)),
	F(block_rq_complete, RQ_COMPLETE, ENTRY(VALUES_REQUEST), RETURNS(NUMBER)),
	NUMBERED(start_xmit, SUBMIT, RETURNS(NUMBER)),
	NUMBERED(virtnet_poll, DONE, RETURNS(NUMBER)),
	NUMBERED(virtnet_poll_tx, DONE, RETURNS(NUMBER)),
	NUMBERED(skb_xmit_done, DONE),
	NUMBERED(skb_recv_done, DONE),
};
#define N (sizeof(functions) / sizeof(functions[0]))

const struct guest_function *guest_function_nth(unsigned n)
{
	return n < N ? &functions[n] : NULL;
}

const struct guest_function *guest_function_named(const char *name, size_t len)
{
	for (unsigned i = 0; i < N; i++)
		if (strlen(functions[i].name) == len && !memcmp(functions[i].name, name, len))
			return &functions[i];
	return NULL;
}

const struct guest_function *guest_function_numbered(unsigned number)
{
	for (unsigned i = 0; i < N && number; i++)
		if (functions[i].number == number)
			return &functions[i];
	return NULL;
}

const struct guest_function *guest_function_of(const struct record *r)
{
	if (r->guest.function)
		return guest_function_numbered(r->guest.function);
	if (r->guest.len)
		return guest_function_named((const char *)r->tail + 8 * r->guest.nargs,
					    r->guest.len);
	for (unsigned i = 0; i < N; i++)
		if (functions[i].what == r->guest.what &&
		    (r->guest.what == VQT_GUEST_RQ_ISSUE || r->guest.what == VQT_GUEST_RQ_COMPLETE))
			return &functions[i];
	return NULL;
}

const struct guest_value *guest_value_of(const struct record *r, unsigned i)
{
	const struct guest_function *f = guest_function_of(r);
	const struct guest_value *v;

	if (!f || i >= VQT_GUEST_ARGS)
		return NULL;
	v = r->guest.phase == VQT_GUEST_RETURN ? &f->at_return[i] : &f->entry[i];
	return v->name ? v : NULL;
}
