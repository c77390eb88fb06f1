/* SPDX-License-Identifier: GPL-2.0 */
/* Direct I/O beside the page cache. */
#ifndef DAXFS_DIO_H
#define DAXFS_DIO_H

#include "daxfs.h"

ssize_t daxfs_direct_read(struct kiocb *iocb, struct iov_iter *to);
ssize_t daxfs_direct_write(struct kiocb *iocb, struct iov_iter *from);

#endif /* DAXFS_DIO_H */
