//! MQTT 3.1, 3.1.1 and 5.0 packets: framing, borrowed views, owned packets, encoding. No I/O, no_std.
