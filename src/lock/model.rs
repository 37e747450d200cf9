//! The protocol under a model checker: every interleaving of a few processes, a network that loses, repeats and keeps
//! back requests, crashes, pauses and clocks that do not run alike. The functions are those that the real lock uses.

use std::collections::BTreeSet;
use std::time::Duration;

use stateright::{Checker, Model, Property};

use super::protocol::*;

/// What may happen in a run.
#[derive(Debug, Clone)]
struct Lab {
    /// How often each process may try to get in; to take over a dead lease takes three.
    attempts: &'static [u8],
    /// How long a lease is: a heartbeat is due after a third, the holder stops after five sixths.
    lease: u64,
    /// How often a holder renews at most.
    beats: u64,
    /// How many requests are under way at once at most.
    traffic: usize,
    /// How long a run is.
    ticks: u64,
    /// How many ticks clocks may lag in all; less than a sixth of a lease.
    lag: u64,
    /// Whether processes may stop and go on without noticing.
    pauses: bool,
    crashes: bool,
    /// Whether all processes run on one machine: then each sees at once that another one is dead.
    one_machine: bool,
    /// How many copies of each request the network gets: the SDK repeats what is not answered. One that is never
    /// delivered is lost.
    copies: u8,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Message {
    from: usize,
    nonce: u8,
    copy: u8,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct World {
    now: u64,
    lagged: u64,
    item: Option<Record>,
    processes: Vec<Peer>,
    network: BTreeSet<Message>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Peer {
    /// How far its clock is behind.
    behind: u64,
    paused: bool,
    attempts: u8,
    /// Writes by nonce; a message names one.
    writes: Vec<Write>,
    stage: Stage,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Stage {
    Outside,
    Acquiring {
        lease_id: String,
        sent: Duration,
        nonce: u8,
        watch: Watch,
    },
    Waiting {
        watch: Watch,
        dead: Option<(String, u64)>,
    },
    Inside {
        lease_id: String,
        generation: u64,
        version: u64,
        tenure: Tenure,
        beat: Option<(u8, Duration)>,
    },
    Gone,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Event {
    Tick,
    TickWithout(usize),
    Try(usize),
    Deliver(Message),
    DeliverAndLoseAnswer(Message),
    Beat(usize),
    Notice(usize),
    Release(usize),
    Crash(usize),
    Pause(usize),
    Resume(usize),
}

impl World {
    fn clock(&self, p: usize) -> Duration {
        Duration::from_secs(self.now - self.processes[p].behind)
    }

    fn inside(&self) -> impl Iterator<Item = (&Peer, u64)> {
        self.processes.iter().filter_map(|process| match process.stage {
            Stage::Inside { generation, .. } => Some((process, generation)),
            _ => None,
        })
    }

    /// Whether the lease ends before the process's next tick.
    fn must_stop(&self, p: usize, tenure: &Tenure) -> bool {
        self.clock(p) + Duration::from_secs(1) > tenure.ends_at()
    }

    /// A process that runs stops when its lease ends, before the clock moves on.
    fn somebody_is_overdue(&self) -> bool {
        (0..self.processes.len()).any(|p| match &self.processes[p].stage {
            Stage::Inside { tenure, .. } => !self.processes[p].paused && self.must_stop(p, tenure),
            _ => false,
        })
    }

    fn send(&mut self, p: usize, write: Write, copies: u8) -> u8 {
        let nonce = u8::try_from(self.processes[p].writes.len()).unwrap();
        self.processes[p].writes.push(write);
        for copy in 0..copies {
            self.network.insert(Message { from: p, nonce, copy });
        }
        nonce
    }

    /// The real judgement, with the other processes' stages in place of `/proc`.
    fn life(&self, p: usize, record: &Record) -> Life {
        let found = |pid| match self.processes[usize::try_from(pid).unwrap()].stage {
            Stage::Gone => Found::Nobody,
            _ => Found::Running { started: 0 },
        };
        let holder = record.holder.process.as_ref();
        holder.map_or(Life::Unknown, |holder| holder.life(&process(p), found))
    }

    fn hear(&mut self, p: usize, nonce: u8, answer: Answer, lease: Duration) {
        let now = self.clock(p);
        let gone = match &answer {
            Answer::Refused(Some(record)) => matches!(self.life(p, record), Life::Dead { .. }),
            _ => false,
        };
        let process = &mut self.processes[p];
        match process.stage.clone() {
            Stage::Acquiring {
                lease_id,
                sent,
                nonce: mine,
                mut watch,
            } if mine == nonce => {
                process.stage = match settle_acquire(answer, &lease_id, &Tenure::new(sent, lease), now) {
                    Acquired::Ours { generation, version } => Stage::Inside {
                        lease_id,
                        generation,
                        version,
                        tenure: Tenure::new(sent, lease),
                        beat: None,
                    },
                    Acquired::Again | Acquired::Late => Stage::Outside,
                    Acquired::Taken(record) => {
                        let verdict = watch.observe(&record, now);
                        let dead = (gone || verdict == Verdict::Stale).then_some((record.lease_id, record.version));
                        Stage::Waiting { watch, dead }
                    }
                }
            }
            Stage::Inside {
                lease_id,
                generation,
                version,
                mut tenure,
                beat: Some((mine, sent)),
            } if mine == nonce => {
                process.stage = match settle_renew(answer, &lease_id, version) {
                    Renewed::Yes => {
                        tenure.renewed(sent);
                        Stage::Inside {
                            lease_id,
                            generation,
                            version,
                            tenure,
                            beat: None,
                        }
                    }
                    Renewed::Lost(_) => Stage::Outside,
                }
            }
            _ => {}
        }
    }
}

impl Model for Lab {
    type State = World;
    type Action = Event;

    fn init_states(&self) -> Vec<World> {
        let process = Peer {
            behind: 0,
            paused: false,
            attempts: 0,
            writes: Vec::new(),
            stage: Stage::Outside,
        };
        vec![World {
            now: 0,
            lagged: 0,
            item: None,
            processes: vec![process; self.attempts.len()],
            network: BTreeSet::new(),
        }]
    }

    fn actions(&self, world: &World, events: &mut Vec<Event>) {
        if world.now < self.ticks && !world.somebody_is_overdue() {
            events.push(Event::Tick);
            if world.lagged < self.lag {
                events.extend((0..self.attempts.len()).map(Event::TickWithout));
            }
        }
        for message in &world.network {
            events.push(Event::Deliver(message.clone()));
            events.push(Event::DeliverAndLoseAnswer(message.clone()));
        }
        for (p, process) in world.processes.iter().enumerate() {
            if process.paused {
                events.push(Event::Resume(p));
                continue;
            }
            match &process.stage {
                Stage::Outside if process.attempts < self.attempts[p] => events.push(Event::Try(p)),
                Stage::Waiting { .. } if process.attempts < self.attempts[p] => events.push(Event::Try(p)),
                Stage::Inside {
                    tenure, beat, version, ..
                } => {
                    if world.must_stop(p, tenure) {
                        events.push(Event::Notice(p));
                    }
                    if beat.is_none() && *version <= self.beats && world.clock(p) >= tenure.heartbeat_at() {
                        events.push(Event::Beat(p));
                    }
                    events.push(Event::Release(p));
                    if self.crashes {
                        events.push(Event::Crash(p));
                    }
                    if self.pauses {
                        events.push(Event::Pause(p));
                    }
                }
                _ => {}
            }
        }
    }

    fn next_state(&self, last: &World, event: Event) -> Option<World> {
        let mut world = last.clone();
        match event {
            Event::Tick => world.now += 1,
            Event::TickWithout(p) => {
                world.now += 1;
                world.lagged += 1;
                world.processes[p].behind += 1;
            }
            Event::Try(p) => {
                let sent = world.clock(p);
                let attempts = world.processes[p].attempts + 1;
                world.processes[p].attempts = attempts;
                let lease_id = format!("{p}.{attempts}");
                let (watch, guard) = match world.processes[p].stage.clone() {
                    Stage::Waiting {
                        watch,
                        dead: Some((lease_id, version)),
                    } => (watch, Guard::Unchanged { lease_id, version }),
                    Stage::Waiting { watch, dead: None } => (
                        watch,
                        Guard::Free {
                            lease_id: lease_id.clone(),
                        },
                    ),
                    _ => (
                        Watch::default(),
                        Guard::Free {
                            lease_id: lease_id.clone(),
                        },
                    ),
                };
                let change = Change::Acquire {
                    lease_id: lease_id.clone(),
                    lease: Duration::from_secs(self.lease),
                    holder: Holder {
                        process: self.one_machine.then(|| process(p)),
                        ..Holder::default()
                    },
                    acquired_at: String::new(),
                };
                let nonce = world.send(p, Write { guard, change }, self.copies);
                world.processes[p].stage = Stage::Acquiring {
                    lease_id,
                    sent,
                    nonce,
                    watch,
                };
            }
            Event::Deliver(message) => {
                world.network.remove(&message);
                let write = world.processes[message.from].writes[usize::from(message.nonce)].clone();
                let answer = write.perform(&mut world.item);
                if !world.processes[message.from].paused {
                    world.hear(message.from, message.nonce, answer, Duration::from_secs(self.lease));
                }
            }
            Event::DeliverAndLoseAnswer(message) => {
                world.network.remove(&message);
                let write = world.processes[message.from].writes[usize::from(message.nonce)].clone();
                write.perform(&mut world.item);
            }
            Event::Beat(p) => {
                let sent = world.clock(p);
                let Stage::Inside { lease_id, version, .. } = world.processes[p].stage.clone() else {
                    return None;
                };
                let next = version + 1;
                let write = Write {
                    guard: Guard::Mine {
                        lease_id,
                        version: next,
                    },
                    change: Change::Renew { version: next },
                };
                let nonce = world.send(p, write, self.copies);
                let Stage::Inside { version, beat, .. } = &mut world.processes[p].stage else {
                    return None;
                };
                (*version, *beat) = (next, Some((nonce, sent)));
            }
            Event::Release(p) => {
                let Stage::Inside {
                    lease_id, generation, ..
                } = world.processes[p].stage.clone()
                else {
                    return None;
                };
                world.send(
                    p,
                    Write {
                        guard: Guard::Exactly { lease_id, generation },
                        change: Change::Release,
                    },
                    1,
                );
                world.processes[p].stage = Stage::Outside;
            }
            Event::Notice(p) => world.processes[p].stage = Stage::Outside,
            Event::Crash(p) => world.processes[p].stage = Stage::Gone,
            Event::Pause(p) => world.processes[p].paused = true,
            Event::Resume(p) => world.processes[p].paused = false,
        }
        Some(world)
    }

    fn within_boundary(&self, world: &World) -> bool {
        world.network.len() <= self.traffic
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always(
                "each acquisition has a fencing token of its own, and the newest is the item's",
                |_, world: &World| {
                    let tokens: BTreeSet<u64> = world.inside().map(|(_, generation)| generation).collect();
                    let newest = world.item.as_ref().map_or(0, |item| item.generation);
                    tokens.len() == world.inside().count() && tokens.iter().all(|token| *token <= newest)
                },
            ),
            Property::sometimes("somebody gets in", |_, world: &World| world.inside().count() > 0),
            Property::sometimes("a dead lease is taken over", |lab: &Lab, world: &World| {
                world.now >= lab.lease && world.inside().any(|(_, generation)| generation == 2)
            }),
        ];
        if self.one_machine {
            properties.push(Property::sometimes(
                "a dead process's lock is taken over at once",
                |_, world: &World| {
                    world.now == 0
                        && world.processes.iter().any(|process| process.stage == Stage::Gone)
                        && world.inside().any(|(_, generation)| generation == 2)
                        && world.item.as_ref().is_some_and(|item| item.held)
                },
            ));
        }
        properties.push(if self.pauses {
            // Why a lease alone is not enough, and the state is fenced.
            Property::sometimes(
                "a paused holder comes back while another one works",
                |_, world: &World| world.inside().filter(|(process, _)| !process.paused).count() > 1,
            )
        } else {
            Property::always("never two are inside", |_, world: &World| world.inside().count() <= 1)
        });
        properties
    }
}

fn check(lab: Lab) {
    let checker = lab.checker().threads(2).spawn_bfs().join();
    checker.assert_properties();
    assert!(
        checker.unique_state_count() > 1_000,
        "the model explores next to nothing"
    );
}

const QUIET: Lab = Lab {
    attempts: &[1, 3],
    lease: 3,
    beats: 1,
    traffic: 3,
    ticks: 5,
    lag: 0,
    pauses: false,
    crashes: false,
    one_machine: false,
    copies: 1,
};

fn process(p: usize) -> Process {
    Process {
        place: "here".to_owned(),
        pid: u32::try_from(p).unwrap(),
        started: 0,
    }
}

// The bounds are as small as still shows what each test is about: together some 350,000 states.

#[test]
fn never_two_are_inside_though_requests_are_lost_repeated_and_kept_back() {
    check(Lab {
        copies: 2,
        beats: 0,
        ticks: 4,
        traffic: 2,
        ..QUIET
    });
    check(Lab {
        attempts: &[1, 2],
        copies: 2,
        beats: 0,
        ticks: 4,
        ..QUIET
    });
}

#[test]
fn never_two_are_inside_though_holders_crash_and_others_come_again() {
    check(Lab {
        crashes: true,
        traffic: 2,
        ticks: 4,
        ..QUIET
    });
    check(Lab {
        attempts: &[2, 3],
        crashes: true,
        beats: 0,
        traffic: 2,
        ticks: 3,
        ..QUIET
    });
}

#[test]
fn never_two_are_inside_though_the_dead_are_robbed_at_once() {
    check(Lab {
        crashes: true,
        one_machine: true,
        copies: 2,
        traffic: 2,
        ticks: 3,
        ..QUIET
    });
}

#[test]
fn never_two_are_inside_though_clocks_do_not_run_alike() {
    check(Lab {
        lease: 9,
        beats: 0,
        lag: 1,
        ticks: 10,
        traffic: 1,
        ..QUIET
    });
}

#[test]
fn never_two_of_three_are_inside() {
    check(Lab {
        attempts: &[1, 1, 3],
        beats: 0,
        traffic: 2,
        ticks: 3,
        ..QUIET
    });
}

#[test]
fn a_paused_holder_has_an_older_fencing_token_than_whoever_took_over() {
    check(Lab {
        pauses: true,
        beats: 0,
        traffic: 2,
        ticks: 4,
        ..QUIET
    });
}
