/* SPDX-License-Identifier: MIT */
/*
 * Constants of virtio 1.4 for the device: those of <linux/virtio_*.h>, and the
 * ones that older kernel headers lack, under the names newer ones use.
 */
#ifndef VQT_EMU_VIRTIO_DEFS_H
#define VQT_EMU_VIRTIO_DEFS_H

#include <linux/pci_regs.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>

/* 2.1 */
#ifndef VIRTIO_CONFIG_S_SUSPEND
#define VIRTIO_CONFIG_S_SUSPEND 0x10
#endif

/* 6 */
#ifndef VIRTIO_F_NOTIFICATION_DATA
#define VIRTIO_F_NOTIFICATION_DATA 38
#endif
#ifndef VIRTIO_F_NOTIF_CONFIG_DATA
#define VIRTIO_F_NOTIF_CONFIG_DATA 39
#endif
#ifndef VIRTIO_F_ADMIN_VQ
#define VIRTIO_F_ADMIN_VQ 41
#endif
#ifndef VIRTIO_F_SUSPEND
#define VIRTIO_F_SUSPEND 43
#endif
/* 6.3: legacy only */
#ifndef VIRTIO_F_BAD_FEATURE
#define VIRTIO_F_BAD_FEATURE 30
#endif

/* 4.1.5.2: the largest virtqueue, 2.7 and 2.8 */
#define VIRTQ_SIZE_MAX 32768

/* 4.1.4.3: fields the uapi header has no offset for yet */
#ifndef VIRTIO_PCI_COMMON_ADM_Q_IDX
#define VIRTIO_PCI_COMMON_ADM_Q_IDX 60
#define VIRTIO_PCI_COMMON_ADM_Q_NUM 62
#endif
#ifndef VIRTIO_PCI_COMMON_Q_NDATA
#define VIRTIO_PCI_COMMON_Q_NDATA 56
#define VIRTIO_PCI_COMMON_Q_RESET 58
#endif
#ifndef VIRTIO_PCI_ISR_QUEUE
#define VIRTIO_PCI_ISR_QUEUE 0x1
#endif
#define VIRTIO_PCI_VENDOR 0x1af4
#define VIRTIO_PCI_ID_MODERN 0x1040 /* plus the device ID, 4.1.2.1 */

/* 5.2 */
#ifndef VIRTIO_BLK_F_LIFETIME
#define VIRTIO_BLK_F_LIFETIME 15
#endif
#ifndef VIRTIO_BLK_T_GET_LIFETIME
#define VIRTIO_BLK_T_GET_LIFETIME 10
#endif
#define VIRTIO_BLK_T_FLUSH_OUT 5 /* 5.2.6.3: legacy synonym of FLUSH */
#define VIRTIO_BLK_T_SCSI_CMD_OUT 3
#ifndef VIRTIO_BLK_F_ZONED
#define VIRTIO_BLK_F_ZONED 17
#define VIRTIO_BLK_T_ZONE_APPEND 15
#define VIRTIO_BLK_T_ZONE_REPORT 16
#define VIRTIO_BLK_T_ZONE_OPEN 18
#define VIRTIO_BLK_T_ZONE_CLOSE 20
#define VIRTIO_BLK_T_ZONE_FINISH 22
#define VIRTIO_BLK_T_ZONE_RESET 24
#define VIRTIO_BLK_T_ZONE_RESET_ALL 26
#define VIRTIO_BLK_S_ZONE_INVALID_CMD 3
#define VIRTIO_BLK_S_ZONE_UNALIGNED_WP 4
#define VIRTIO_BLK_S_ZONE_OPEN_RESOURCE 5
#define VIRTIO_BLK_S_ZONE_ACTIVE_RESOURCE 6
#define VIRTIO_BLK_Z_NONE 0
#define VIRTIO_BLK_Z_HM 1
#define VIRTIO_BLK_Z_HA 2
#define VIRTIO_BLK_ZT_CONV 1
#define VIRTIO_BLK_ZT_SWR 2
#define VIRTIO_BLK_ZT_SWP 3
#define VIRTIO_BLK_ZS_NOT_WP 0
#define VIRTIO_BLK_ZS_EMPTY 1
#define VIRTIO_BLK_ZS_IOPEN 2
#define VIRTIO_BLK_ZS_EOPEN 3
#define VIRTIO_BLK_ZS_CLOSED 4
#define VIRTIO_BLK_ZS_RDONLY 13
#define VIRTIO_BLK_ZS_FULL 14
#define VIRTIO_BLK_ZS_OFFLINE 15
#endif

/* 5.2.4: offsets in struct virtio_blk_config, whose length grew by version */
enum {
	BLK_CFG_CAPACITY = 0,
	BLK_CFG_SIZE_MAX = 8,
	BLK_CFG_SEG_MAX = 12,
	BLK_CFG_CYLINDERS = 16,
	BLK_CFG_HEADS = 18,
	BLK_CFG_SECTORS = 19,
	BLK_CFG_BLK_SIZE = 20,
	BLK_CFG_PHYS_EXP = 24,
	BLK_CFG_ALIGN_OFF = 25,
	BLK_CFG_MIN_IO = 26,
	BLK_CFG_OPT_IO = 28,
	BLK_CFG_WRITEBACK = 32,
	BLK_CFG_NUM_QUEUES = 34,
	BLK_CFG_DISCARD_SECTORS = 36,
	BLK_CFG_DISCARD_SEG = 40,
	BLK_CFG_DISCARD_ALIGN = 44,
	BLK_CFG_ZEROES_SECTORS = 48,
	BLK_CFG_ZEROES_SEG = 52,
	BLK_CFG_ZEROES_UNMAP = 56,
	BLK_CFG_ERASE_SECTORS = 60,
	BLK_CFG_ERASE_SEG = 64,
	BLK_CFG_ERASE_ALIGN = 68,
	BLK_CFG_ZONE_SECTORS = 72,
	BLK_CFG_ZONE_OPEN = 76,
	BLK_CFG_ZONE_ACTIVE = 80,
	BLK_CFG_ZONE_APPEND = 84,
	BLK_CFG_ZONE_GRANULARITY = 88,
	BLK_CFG_ZONE_MODEL = 92,
	BLK_CFG_LEN = 96,
};

#define BLK_SECTOR 512u
#define BLK_HEADER 16u /* type, reserved, sector: 5.2.6 */
#define BLK_SEGMENT 16u /* struct virtio_blk_discard_write_zeroes */

#endif
