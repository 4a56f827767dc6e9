/* SPDX-License-Identifier: MIT */
/* The messages of vhost-user, front end to back end: one row each. */
#include "emu/server/vhost_user.h"

static const struct vhost_user_message messages[] = {
	{ VH_GET_FEATURES, 0, true, "GET_FEATURES" },
	{ VH_SET_FEATURES, 8, false, "SET_FEATURES" },
	{ VH_SET_OWNER, 0, false, "SET_OWNER" },
	{ VH_RESET_OWNER, 0, false, "RESET_OWNER" },
	{ VH_SET_MEM_TABLE, 8, false, "SET_MEM_TABLE" },
	{ VH_SET_LOG_BASE, 0, true, "SET_LOG_BASE" },
	{ VH_SET_LOG_FD, 0, false, "SET_LOG_FD" },
	{ VH_SET_VRING_NUM, 8, false, "SET_VRING_NUM" },
	{ VH_SET_VRING_ADDR, sizeof(struct vhost_user_addr), false, "SET_VRING_ADDR" },
	{ VH_SET_VRING_BASE, 8, false, "SET_VRING_BASE" },
	{ VH_GET_VRING_BASE, 8, true, "GET_VRING_BASE" },
	{ VH_SET_VRING_KICK, 8, false, "SET_VRING_KICK" },
	{ VH_SET_VRING_CALL, 8, false, "SET_VRING_CALL" },
	{ VH_SET_VRING_ERR, 8, false, "SET_VRING_ERR" },
	{ VH_GET_PROTOCOL_FEATURES, 0, true, "GET_PROTOCOL_FEATURES" },
	{ VH_SET_PROTOCOL_FEATURES, 8, false, "SET_PROTOCOL_FEATURES" },
	{ VH_GET_QUEUE_NUM, 0, true, "GET_QUEUE_NUM" },
	{ VH_SET_VRING_ENABLE, 8, false, "SET_VRING_ENABLE" },
	{ VH_SEND_RARP, 0, false, "SEND_RARP" },
	{ VH_NET_SET_MTU, 0, false, "NET_SET_MTU" },
	{ VH_SET_BACKEND_REQ_FD, 0, false, "SET_BACKEND_REQ_FD" },
	{ VH_IOTLB_MSG, 0, false, "IOTLB_MSG" },
	{ VH_SET_VRING_ENDIAN, 0, false, "SET_VRING_ENDIAN" },
	{ VH_GET_CONFIG, 12, true, "GET_CONFIG" },
	{ VH_SET_CONFIG, 12, false, "SET_CONFIG" },
	{ VH_CREATE_CRYPTO_SESSION, 0, true, "CREATE_CRYPTO_SESSION" },
	{ VH_CLOSE_CRYPTO_SESSION, 0, false, "CLOSE_CRYPTO_SESSION" },
	{ VH_POSTCOPY_ADVISE, 0, true, "POSTCOPY_ADVISE" },
	{ VH_POSTCOPY_LISTEN, 0, false, "POSTCOPY_LISTEN" },
	{ VH_POSTCOPY_END, 0, true, "POSTCOPY_END" },
	{ VH_GET_INFLIGHT_FD, sizeof(struct vhost_user_inflight), true, "GET_INFLIGHT_FD" },
	{ VH_SET_INFLIGHT_FD, sizeof(struct vhost_user_inflight), false, "SET_INFLIGHT_FD" },
	{ VH_GPU_SET_SOCKET, 0, false, "GPU_SET_SOCKET" },
	{ VH_RESET_DEVICE, 0, false, "RESET_DEVICE" },
	{ VH_VRING_KICK, 8, false, "VRING_KICK" },
	{ VH_GET_MAX_MEM_SLOTS, 0, true, "GET_MAX_MEM_SLOTS" },
	{ VH_ADD_MEM_REG, 8 + sizeof(struct vhost_user_region), false, "ADD_MEM_REG" },
	{ VH_REM_MEM_REG, 8 + sizeof(struct vhost_user_region), false, "REM_MEM_REG" },
	{ VH_SET_STATUS, 8, false, "SET_STATUS" },
	{ VH_GET_STATUS, 0, true, "GET_STATUS" },
	{ VH_GET_SHARED_OBJECT, 0, true, "GET_SHARED_OBJECT" },
	{ VH_SET_DEVICE_STATE_FD, 0, true, "SET_DEVICE_STATE_FD" },
	{ VH_CHECK_DEVICE_STATE, 0, true, "CHECK_DEVICE_STATE" },
};

const struct vhost_user_message *vhost_user_message(uint32_t request)
{
	for (unsigned i = 0; i < sizeof(messages) / sizeof(messages[0]); i++)
		if (messages[i].request == request)
			return &messages[i];
	return NULL;
}
