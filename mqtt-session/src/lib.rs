//! MQTT sessions as pure state machines for client and server: QoS 0/1/2, flow control, keep alive, expiry, wills.
