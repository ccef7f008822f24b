install emcp /sbin/modprobe --ignore-install emcp
