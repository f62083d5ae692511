use std::time::Duration;

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

fn strangers(change: impl FnOnce(&mut LobbyLimits)) -> Strangers {
    let mut limits = LobbyLimits { exempt: Vec::new(), ..LobbyLimits::default() };
    change(&mut limits);
    Strangers::new(limits, 1)
}

fn address(text: &str) -> Option<IpAddr> {
    Some(text.parse().expect(text))
}

fn fail(strangers: &mut Strangers, now: Time, from: Option<IpAddr>) {
    let guest = strangers.admit(now, from).expect("a place");
    strangers.leave(now, guest, Departure::Failed);
}

fn come_and_go(strangers: &mut Strangers, now: Time, from: Option<IpAddr>) -> Result<(), Limit> {
    strangers.admit(now, from).map(|guest| strangers.leave(now, guest, Departure::Gone))
}

#[test]
fn places_are_limited_for_an_address_and_in_all_until_they_are_given_back() {
    let mut strangers = strangers(|limits| (limits.half_open, limits.half_open_per_address) = (3, 2));
    let now = Time::ZERO;
    let first = strangers.admit(now, address("192.0.2.1")).expect("a place");
    let _second = strangers.admit(now, address("192.0.2.1")).expect("a place");
    assert_eq!(strangers.admit(now, address("192.0.2.1")).err(), Some(Limit::HalfOpenPerAddress));
    let _other = strangers.admit(now, address("192.0.2.2")).expect("a place");
    assert_eq!(strangers.admit(now, address("192.0.2.3")).err(), Some(Limit::HalfOpen));
    assert_eq!(strangers.admit(now, None).err(), Some(Limit::HalfOpen));
    strangers.leave(now, first, Departure::Accepted);
    assert!(strangers.admit(now, address("192.0.2.1")).is_ok());
    assert_eq!(strangers.half_open(), 3);
}

#[test]
fn a_burst_is_followed_by_the_rate() {
    let mut strangers = strangers(|limits| (limits.rate, limits.burst) = (10, 3));
    let from = address("2001:db8::1");
    let mut now = Time::from_secs(1);
    let burst = [(); 4].map(|()| come_and_go(&mut strangers, now, from));
    assert_eq!(burst, [Ok(()), Ok(()), Ok(()), Err(Limit::Rate)]);
    // the same network, and another one
    assert_eq!(come_and_go(&mut strangers, now, address("2001:db8::2")), Err(Limit::Rate));
    assert_eq!(come_and_go(&mut strangers, now, address("2001:db8:0:1::1")), Ok(()));
    now = now.after(Duration::from_millis(99));
    assert_eq!(come_and_go(&mut strangers, now, from), Err(Limit::Rate));
    now = now.after(Duration::from_millis(1));
    assert_eq!(come_and_go(&mut strangers, now, from), Ok(()));
    assert_eq!(come_and_go(&mut strangers, now, from), Err(Limit::Rate));
    now = now.after(MINUTE);
    let burst = [(); 4].map(|()| come_and_go(&mut strangers, now, from));
    assert_eq!(burst, [Ok(()), Ok(()), Ok(()), Err(Limit::Rate)]);
}

#[test]
fn each_failure_beyond_those_that_are_free_doubles_the_delay_up_to_its_maximum() {
    let mut strangers = strangers(|limits| {
        limits.failures = 2;
        limits.failure_recovery = Duration::from_secs(10);
        limits.delay_maximum = Duration::from_secs(6);
    });
    let from = address("192.0.2.1");
    let mut now = Time::from_secs(1);
    fail(&mut strangers, now, from);
    fail(&mut strangers, now, from);
    for seconds in [1, 2, 4, 6, 6] {
        fail(&mut strangers, now, from);
        let before = now.after(Duration::from_millis(seconds * 1_000 - 1));
        assert_eq!(come_and_go(&mut strangers, before, from), Err(Limit::Delay));
        assert_eq!(come_and_go(&mut strangers, now, address("192.0.2.2")), Ok(()));
        now = now.after(Duration::from_secs(seconds));
        assert_eq!(come_and_go(&mut strangers, now, from), Ok(()));
    }
    // what has gone well long enough is forgotten
    now = now.after(MINUTE + Duration::from_secs(10));
    fail(&mut strangers, now, from);
    fail(&mut strangers, now, from);
    assert_eq!(come_and_go(&mut strangers, now, from), Ok(()));
}

#[test]
fn what_many_connections_did_at_once_is_held_against_their_address_as_well() {
    let mut strangers = strangers(|limits| {
        limits.failures = 10;
        limits.failure_recovery = Duration::from_secs(1);
    });
    let from = address("192.0.2.1");
    let now = Time::from_secs(1);
    let guests: Vec<Guest> = (0..5_000).map(|_| strangers.admit(now, from).expect("a place")).collect();
    guests.into_iter().for_each(|guest| strangers.leave(now, guest, Departure::Failed));
    let after = |seconds| now.after(Duration::from_secs(seconds));
    assert_eq!(come_and_go(&mut strangers, after(59), from), Err(Limit::Delay));
    // and not for ever
    assert_eq!(come_and_go(&mut strangers, after(60), from), Ok(()));
    assert_eq!(come_and_go(&mut strangers, after(60 + 42), address("192.0.2.9")), Ok(()));
    assert_eq!(strangers.addresses(), 1);
}

#[test]
fn ten_thousand_devices_behind_one_address_come_back_after_a_restart_with_the_defaults() {
    let mut strangers = Strangers::new(LobbyLimits::default(), 1);
    let from = address("198.51.100.7");
    let mut now = Time::from_secs(1);
    for _ in 0..2 {
        let guests: Vec<Guest> = (0..10_000).map(|_| strangers.admit(now, from).expect("a place")).collect();
        // three in a hundred have a wrong password
        for (number, guest) in guests.into_iter().enumerate() {
            let departure = if number % 33 == 0 { Departure::Failed } else { Departure::Accepted };
            strangers.leave(now, guest, departure);
        }
    }
    // and try again once a minute, which must not keep out the others
    for _ in 0..60 {
        now = now.after(MINUTE);
        (0..300).for_each(|_| fail(&mut strangers, now, from));
        assert_eq!(come_and_go(&mut strangers, now, from), Ok(()));
    }
}

#[test]
fn programs_of_this_machine_are_limited_all_together_only() {
    let mut strangers = Strangers::new(LobbyLimits { half_open: 50_000, ..LobbyLimits::default() }, 1);
    for from in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
        for _ in 0..12_500 {
            assert!(strangers.admit(Time::ZERO, address(from)).is_ok());
        }
    }
    assert_eq!(strangers.admit(Time::ZERO, address("::1")).err(), Some(Limit::HalfOpen));
    assert_eq!(strangers.addresses(), 0);
}

#[test]
fn addresses_that_nothing_is_held_against_are_forgotten() {
    let mut strangers = strangers(|_| {});
    for number in 0..100_000_u32 {
        let from = Some(IpAddr::from(number.to_be_bytes()));
        assert_eq!(
            come_and_go(&mut strangers, Time::from_nanos(u64::from(number) * 1_000_000), from),
            Ok(())
        );
    }
    assert!(strangers.addresses() <= 3, "{}", strangers.addresses());
}

#[test]
fn a_flood_from_many_addresses_does_not_have_an_offender_forgotten() {
    let mut strangers = strangers(|limits| (limits.addresses, limits.failures) = (1_000, 10));
    let offender = address("192.0.2.1");
    let now = Time::from_secs(1);
    (0..11).for_each(|_| fail(&mut strangers, now, offender));
    for number in 0..50_000_u32 {
        fail(&mut strangers, now, Some(IpAddr::from((0x0a00_0000 + number).to_be_bytes())));
    }
    assert_eq!(strangers.addresses(), 1_000);
    assert_eq!(come_and_go(&mut strangers, now, offender), Err(Limit::Delay));
}

#[test]
fn an_address_with_connections_here_is_not_forgotten() {
    let mut strangers = strangers(|limits| limits.addresses = 2);
    let now = Time::ZERO;
    let guest = strangers.admit(now, address("192.0.2.1")).expect("a place");
    let _other = strangers.admit(now, address("192.0.2.2")).expect("a place");
    assert_eq!(strangers.admit(now, address("192.0.2.3")).err(), Some(Limit::Addresses));
    strangers.leave(now, guest, Departure::Gone);
    assert!(strangers.admit(now, address("192.0.2.3")).is_ok());
}

#[test]
fn who_comes_through_a_proxy_counts_where_the_proxy_says() {
    let mut strangers = strangers(|limits| limits.half_open_per_address = 1);
    let now = Time::ZERO;
    let mut one = strangers.admit(now, None).expect("a place");
    let mut two = strangers.admit(now, None).expect("a place");
    let client = address("192.0.2.1").expect("an address");
    assert_eq!(strangers.readdress(now, &mut one, client), Ok(()));
    assert_eq!(strangers.readdress(now, &mut two, client), Err(Limit::HalfOpenPerAddress));
    strangers.leave(now, two, Departure::Gone);
    assert_eq!(strangers.admit(now, Some(client)).err(), Some(Limit::HalfOpenPerAddress));
    strangers.leave(now, one, Departure::Gone);
    assert!(strangers.admit(now, Some(client)).is_ok());
    assert_eq!(strangers.half_open(), 1);
}
