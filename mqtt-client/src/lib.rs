//! An MQTT 3.1, 3.1.1 and 5.0 client for tokio whose publish means acknowledged and whose streams never deadlock.
