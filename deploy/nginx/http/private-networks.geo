# RFC 1918, RFC 4193 and loopback, as a `geo` block reads them; http/client.conf has the same list for set_real_ip_from.
10.0.0.0/8     1;
172.16.0.0/12  1;
192.168.0.0/16 1;
127.0.0.0/8    1;
fc00::/7       1;
::1/128        1;
