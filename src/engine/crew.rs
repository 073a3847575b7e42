//! Threads and who does what: the only place that starts any.

use super::panic;
use crate::error::Error;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::{
    collections::VecDeque,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
};

/// Threads, each with a state of its own that lasts from one piece of work to the next.
pub(super) struct Crew<S> {
    pub(super) pool: Option<Arc<ThreadPool>>,
    pub(super) states: Vec<S>,
}

impl<S: Send> Crew<S> {
    /// As many threads as asked for, or as many fewer as the system grants and leaves room for; one needs no thread at all.
    pub(super) fn new(n_threads: usize, make: impl Fn() -> S) -> Crew<S> {
        let mut n = n_threads.max(1);
        let mut pool = None;
        while n > 1 && pool.is_none() {
            if has_room(n) {
                pool = ThreadPoolBuilder::new()
                    .num_threads(n)
                    .build()
                    .ok()
                    .map(Arc::new);
            }
            n = if pool.is_some() { n } else { n / 2 };
        }
        Crew {
            pool,
            states: (0..n).map(|_| make()).collect(),
        }
    }

    /// Does each piece once. Every thread has a share of neighbours, so that what threads count has little in common and
    /// merges quickly; one that is done with its own helps with the others'.
    pub(super) fn work<J: Sync>(&mut self, jobs: &[J], each: impl Fn(&mut S, &J) + Sync) {
        let shares: Vec<Share<'_, J>> = jobs
            .chunks(jobs.len().div_ceil(self.states.len()).max(1))
            .map(Share::new)
            .collect();
        let run = |first: usize, state: &mut S| {
            for share in shares.iter().cycle().skip(first).take(shares.len()) {
                while let Some(job) = share.next() {
                    each(state, job);
                }
            }
        };
        match &self.pool {
            Some(pool) if jobs.len() > 1 => pool.scope(|scope| {
                for (first, state) in self.states.iter_mut().enumerate() {
                    let run = &run;
                    scope.spawn(move |_| run(first, state));
                }
            }),
            _ => run(0, &mut self.states[0]),
        }
    }

    /// Does `what` with every state.
    pub(super) fn each(&mut self, what: impl Fn(&mut S) + Sync) {
        match &self.pool {
            Some(pool) => pool.scope(|scope| {
                for state in &mut self.states {
                    let what = &what;
                    scope.spawn(move |_| what(state));
                }
            }),
            None => self.states.iter_mut().for_each(what),
        }
    }

    /// Like [`map`](Self::map), with results given to `take`, few at a time; the next are made meanwhile.
    pub(super) fn in_order<J: Sync, T: Send>(
        &mut self,
        jobs: &[J],
        each: impl Fn(&mut S, &J) -> T + Send + Sync,
        mut take: impl FnMut(T) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut windows = jobs.chunks(self.states.len() * WAITING_PER_THREAD);
        let Some(pool) = self.pool.clone().filter(|_| windows.len() > 1) else {
            return windows.try_for_each(|window| {
                let results = self.map(window, &each);
                results.into_iter().try_for_each(&mut take)
            });
        };
        pool.in_place_scope(|scope| {
            let (made, results) = mpsc::sync_channel(1);
            scope.spawn(move |_| {
                let sent = windows.try_for_each(|window| made.send(self.map(window, &each)));
                drop(sent); // an error says that nobody takes any more
            });
            results.into_iter().flatten().try_for_each(&mut take)
        })
    }

    /// Like [`work`](Self::work), with results in the order of `jobs`.
    pub(super) fn map<J: Sync, T: Send>(
        &mut self,
        jobs: &[J],
        each: impl Fn(&mut S, &J) -> T + Sync,
    ) -> Vec<T> {
        let results = Mutex::new(Vec::with_capacity(jobs.len()));
        let numbered: Vec<(usize, &J)> = jobs.iter().enumerate().collect();
        self.work(&numbered, |state, &(index, job)| {
            let result = each(state, job);
            results
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push((index, result));
        });
        let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
        results.sort_unstable_by_key(|&(index, _)| index);
        results.into_iter().map(|(_, result)| result).collect()
    }
}

/// Address space a thread may need: a stack, blocks and a decoder, and what the allocator sets aside for it.
pub(super) const ROOM_PER_THREAD: usize = 32 << 20;

/// Whether so many threads have room to work.
fn has_room(n_threads: usize) -> bool {
    has_space(n_threads.saturating_mul(ROOM_PER_THREAD))
}

/// Whether so many bytes of address space are left: where it is limited, running out of it would end the run.
pub(super) fn has_space(n_bytes: usize) -> bool {
    let mut room: Vec<u8> = Vec::new();
    let is_there = room.try_reserve_exact(n_bytes).is_ok();
    // Else the compiler leaves it out, and takes it for granted.
    std::hint::black_box(&mut room);
    is_there
}

/// Results per thread that wait to be taken in order.
const WAITING_PER_THREAD: usize = 4;

/// Portions that may wait beside one for each thread, whatever they take.
const READY_SPARE: usize = 6;

/// So many more may, if all take no more than [`READY_BYTES`]: whoever draws is the one that all wait for, and should not have to stop
/// because another is late. A thread alone does what it has just drawn, which is near then.
const READY_SMALL: usize = 24;

/// Bytes of portions that wait.
const READY_BYTES: usize = 32 << 20;

/// Portions for which those who wait are woken: to wake somebody takes whoever draws about as long as a twentieth of one.
const READY_WAKING: usize = 3;

/// Something that yields portions of work one after the other, each at some cost.
pub(super) trait Spring: Send {
    type Portion: Send;

    /// The next portion; `None` when it is dry.
    fn draw(&mut self) -> Option<Self::Portion>;

    /// Drawing panicked: it is dry from now on.
    fn break_off(&mut self, what: String);

    /// Bytes that one takes.
    fn n_bytes(portion: &Self::Portion) -> usize;

    /// What others can do meanwhile.
    fn errand(&self) -> Option<Arc<dyn Errand>>;
}

/// Draws, whatever happens.
pub(super) fn draw<F: Spring>(spring: &mut F) -> Option<F::Portion> {
    panic::catch(|| spring.draw()).unwrap_or_else(|what| {
        spring.break_off(what);
        None
    })
}

/// Work that makes drawing from a spring quicker.
pub(super) trait Errand: Send + Sync {
    /// Does a piece of it; false if there is none now.
    fn run(&self) -> bool;
}

impl<S: Send> Crew<S> {
    /// Draws all of `springs` dry and does every portion once. While one thread draws from a spring others do what was drawn
    /// before; few springs are drawn from at a time, and few portions wait. Gives the springs back, in no order.
    pub(super) fn drain<F: Spring>(
        &mut self,
        springs: Vec<F>,
        each: impl Fn(&mut S, F::Portion) + Sync,
    ) -> Vec<F> {
        let n = self.states.len();
        let board = Board {
            n_ready: if n > 1 { n + READY_SPARE } else { n },
            n_small: if n > 1 && has_space(2 * READY_BYTES) {
                READY_SMALL
            } else {
                0
            },
            state: Mutex::new(BoardState {
                idle: springs.into(),
                ready: VecDeque::new(),
                ready_bytes: 0,
                dry: Vec::new(),
                errands: Vec::new(),
                n_drawn_from: 0,
                n_changes: 0,
            }),
            changed: Condvar::new(),
        };
        match &self.pool {
            Some(pool) => pool.scope(|scope| {
                for state in &mut self.states {
                    let (board, each) = (&board, &each);
                    scope.spawn(move |_| board.run(|portion| each(state, portion)));
                }
            }),
            None => board.run(|portion| each(&mut self.states[0], portion)),
        }
        let state = board.state.into_inner();
        state.unwrap_or_else(PoisonError::into_inner).dry
    }
}

/// What there is to draw from and to do.
struct Board<F: Spring> {
    /// Portions that may wait while there is something to draw from.
    n_ready: usize,
    /// So many more may, if they take few bytes.
    n_small: usize,
    state: Mutex<BoardState<F>>,
    changed: Condvar,
}

struct BoardState<F: Spring> {
    idle: VecDeque<F>,
    ready: VecDeque<F::Portion>,
    /// What these take.
    ready_bytes: usize,
    dry: Vec<F>,
    /// What there is to do for those that are drawn from.
    errands: Vec<Arc<dyn Errand>>,
    n_drawn_from: usize,
    n_changes: u64,
}

impl<F: Spring> Board<F> {
    /// What each thread does: draw while less is ready than threads could do, else do what is ready, else run errands for
    /// those who draw, else wait until some portions are ready or a spring is dry. So whoever draws goes on drawing, and nothing
    /// waits for him.
    fn run(&self, mut each: impl FnMut(F::Portion)) {
        let mut state = self.lock();
        loop {
            let is_time = self.is_full(&state) || state.idle.is_empty();
            if is_time && let Some(portion) = state.ready.pop_front() {
                state.ready_bytes -= F::n_bytes(&portion);
                drop(state);
                each(portion);
                state = self.lock();
            } else if let Some(mut spring) = state.idle.pop_front() {
                state.n_drawn_from += 1;
                let errand = spring.errand();
                state.errands.extend(errand.clone());
                drop(state);
                let drawn = draw(&mut spring);
                state = self.lock();
                state.n_drawn_from -= 1;
                if let Some(errand) = errand {
                    state.errands.retain(|other| !Arc::ptr_eq(other, &errand));
                }
                let is_dry = drawn.is_none();
                match drawn {
                    Some(portion) => {
                        state.ready_bytes += F::n_bytes(&portion);
                        state.ready.push_back(portion);
                        // In front, so that few springs are open at a time.
                        state.idle.push_front(spring);
                    }
                    None => state.dry.push(spring),
                }
                state.n_changes += 1;
                if is_dry || state.ready.len() >= READY_WAKING {
                    self.changed.notify_all();
                }
            } else if state.n_drawn_from == 0 {
                return;
            } else {
                let (errands, n_changes) = (state.errands.clone(), state.n_changes);
                drop(state);
                let has_run = errands.iter().any(|errand| errand.run());
                state = self.lock();
                if !has_run && state.n_changes == n_changes {
                    state = self
                        .changed
                        .wait(state)
                        .unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    /// Whether no more may wait.
    fn is_full(&self, state: &BoardState<F>) -> bool {
        let n_more = state.ready.len().checked_sub(self.n_ready);
        n_more.is_some_and(|n| n >= self.n_small || state.ready_bytes >= READY_BYTES)
    }

    fn lock(&self) -> MutexGuard<'_, BoardState<F>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Pieces of work from which any thread may take the next.
struct Share<'j, J> {
    jobs: &'j [J],
    n_taken: AtomicUsize,
}

impl<'j, J> Share<'j, J> {
    fn new(jobs: &'j [J]) -> Share<'j, J> {
        Share {
            jobs,
            n_taken: AtomicUsize::new(0),
        }
    }

    fn next(&self) -> Option<&'j J> {
        self.jobs.get(self.n_taken.fetch_add(1, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Yields portions of so many bytes, `left` of them; notes how many were out at once.
    struct Tap<'a> {
        n_bytes: usize,
        left: usize,
        n_out: &'a AtomicUsize,
        n_out_max: &'a AtomicUsize,
    }

    impl Spring for Tap<'_> {
        type Portion = usize;

        fn draw(&mut self) -> Option<usize> {
            self.left = self.left.checked_sub(1)?;
            let n_out = self.n_out.fetch_add(1, Ordering::SeqCst) + 1;
            self.n_out_max.fetch_max(n_out, Ordering::SeqCst);
            Some(self.n_bytes)
        }

        fn break_off(&mut self, what: String) {
            panic!("{what}");
        }

        fn n_bytes(portion: &usize) -> usize {
            *portion
        }

        fn errand(&self) -> Option<Arc<dyn Errand>> {
            None
        }
    }

    /// How many portions of `n_bytes` are out at once, at most, while nobody is done with any: each thread holds one then.
    fn n_out_max(n_threads: usize, n_bytes: usize) -> usize {
        let (n_out, n_out_max) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let n_held = AtomicUsize::new(0);
        let tap = Tap {
            n_bytes,
            left: 100,
            n_out: &n_out,
            n_out_max: &n_out_max,
        };
        let mut crew = Crew::new(n_threads, || ());
        crew.drain(vec![tap], |(), _| {
            n_held.fetch_add(1, Ordering::SeqCst);
            while n_held.load(Ordering::SeqCst) < n_threads {
                std::thread::yield_now();
            }
            n_out.fetch_sub(1, Ordering::SeqCst);
        });
        assert_eq!(n_out.into_inner(), 0);
        n_out_max.into_inner()
    }

    /// So memory is bounded, whatever comes.
    #[test]
    fn few_large_portions_wait_and_more_small_ones() {
        assert_eq!(n_out_max(1, 1), 1);
        for n_threads in [2, 3] {
            let few = n_threads + READY_SPARE;
            // Beside those that wait, each thread holds one, or draws.
            assert!((few..=few + n_threads).contains(&n_out_max(n_threads, READY_BYTES)));
            let many = few + READY_SMALL;
            assert!((many..=many + n_threads).contains(&n_out_max(n_threads, 1)));
        }
    }
}
