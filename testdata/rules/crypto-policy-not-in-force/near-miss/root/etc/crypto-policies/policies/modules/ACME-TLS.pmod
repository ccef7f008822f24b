min_rsa_size = 2048
