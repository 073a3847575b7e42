//! Replay: what nginx would have done with the failures and refusals that were recorded, under other values of its directives.
//!
//! Passive health (`ngx_http_upstream_round_robin.c: ngx_http_upstream_free_round_robin_peer`, `ngx_http_upstream_get_peer`): a failure
//! counts; the one that makes it `max_fails` takes the peer out for `fail_timeout`, after which one trial is made, and an answer to it
//! begins the count anew. A peer that is out is not asked, so what failed at it meanwhile would not have happened. Answers are not in
//! here: behind a silence of `fail_timeout` a count below `max_fails` begins anew, as one answer makes it.
//!
//! Limits (`ngx_http_limit_req_module.c: ngx_http_limit_req_lookup`): a request is refused when the excess over `rate` is above `burst`. While
//! a key is refused its bucket is full, and what passes is exactly `rate`: so a larger burst would have let through as many more
//! requests as it is larger, once, and again after a silence in which it drains.

/// How nginx takes peers out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// 0: never.
    pub max_fails: u64,
    pub fail_timeout_s: i64,
}

/// Half-open, in seconds.
pub type Stretch = (i64, i64);

/// When a peer would have been out, by the seconds of its failures, which are in order.
pub fn out(failures: &[i64], policy: Policy) -> Vec<Stretch> {
    let Policy {
        max_fails,
        fail_timeout_s,
    } = policy;
    let mut out: Vec<Stretch> = Vec::new();
    let mut n_fails = 0_u64;
    let mut checked: Option<i64> = None;
    for &second in failures.iter().filter(|_| max_fails > 0) {
        let is_over = checked.is_some_and(|checked| second - checked > fail_timeout_s);
        match n_fails >= max_fails {
            true if !is_over => continue, // not asked
            false if is_over => n_fails = 0,
            _ => {}
        }
        n_fails += 1;
        checked = Some(second);
        if n_fails >= max_fails {
            out.push((second, second + fail_timeout_s));
        }
    }
    out
}

/// When all were out; each of `peers` in order. No peers are never all out.
pub fn all_out(peers: &[Vec<Stretch>]) -> Vec<Stretch> {
    let Some((first, rest)) = peers.split_first() else {
        return Vec::new();
    };
    rest.iter()
        .fold(first.clone(), |common, peer| both(&common, peer))
}

fn both(a: &[Stretch], b: &[Stretch]) -> Vec<Stretch> {
    let (mut i, mut j) = (0, 0);
    let mut common = Vec::new();
    while let (Some(&(a_from, a_to)), Some(&(b_from, b_to))) = (a.get(i), b.get(j)) {
        let (from, to) = (a_from.max(b_from), a_to.min(b_to));
        if from < to {
            common.push((from, to));
        }
        match a_to < b_to {
            true => i += 1,
            false => j += 1,
        }
    }
    common
}

/// Seconds that lie in any of `stretches`, in whatever order.
pub fn seconds(mut stretches: Vec<Stretch>) -> i64 {
    stretches.sort_unstable();
    let mut sum = 0;
    let mut covered = i64::MIN;
    for (from, to) in stretches {
        sum += (to - from.max(covered)).max(0);
        covered = covered.max(to);
    }
    sum
}

/// A limit on the requests of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Above 0.
    pub per_minute: u64,
    pub burst: u64,
}

/// How many of the refused requests of one key, by their seconds, in order, a burst of `burst` would have let through.
pub fn let_through(refused: &[i64], limit: Limit, burst: u64) -> u64 {
    let more = burst.saturating_sub(limit.burst);
    let drained_s = burst.saturating_mul(60).div_ceil(limit.per_minute.max(1));
    let drained_s = i64::try_from(drained_s).unwrap_or(i64::MAX);
    let mut left = more;
    let mut n = 0;
    let mut last: Option<i64> = None;
    for &second in refused {
        if last.is_some_and(|last| second - last >= drained_s) {
            left = more;
        }
        n += u64::from(left > 0);
        left = left.saturating_sub(1);
        last = Some(second);
    }
    n
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(max_fails: u64, fail_timeout_s: i64) -> Policy {
        Policy {
            max_fails,
            fail_timeout_s,
        }
    }

    #[test]
    fn peers_are_out_as_nginx_takes_them_out() {
        assert_eq!(out(&[100], policy(1, 10)), [(100, 110)]);
        assert_eq!(out(&[100], policy(0, 10)), []);
        assert_eq!(out(&[100, 101], policy(3, 10)), []);
        assert_eq!(out(&[100, 101, 102], policy(3, 10)), [(102, 112)]);
        // What failed while it was out would not have been asked.
        assert_eq!(out(&[100, 105, 110], policy(1, 10)), [(100, 110)]);
        // The trial fails: it counts on top, and one is enough.
        assert_eq!(
            out(&[100, 101, 112], policy(2, 10)),
            [(101, 111), (112, 122)]
        );
        // A silence ends the count.
        assert_eq!(out(&[100, 120, 140], policy(2, 10)), []);
    }

    #[test]
    fn a_group_is_out_where_all_peers_are() {
        let (a, b) = (vec![(0, 10), (20, 30)], vec![(5, 25)]);
        assert_eq!(all_out(&[a.clone(), b.clone()]), [(5, 10), (20, 25)]);
        assert_eq!(all_out(std::slice::from_ref(&a)), a);
        assert_eq!(all_out(&[a, vec![]]), []);
        assert_eq!(all_out(&[]), []);
        assert_eq!(seconds(vec![(20, 25), (0, 10), (5, 12)]), 17);
        assert_eq!(seconds(vec![]), 0);
    }

    /// Against the module itself, one request at a time: what a larger burst lets through is what the replay of the refusals says.
    #[test]
    fn refusals_tell_what_a_larger_burst_lets_through() {
        // `ngx_http_limit_req_lookup`, in thousandths of a request; one key.
        fn refused(arrivals: &[i64], limit: Limit) -> Vec<i64> {
            let (mut excess, mut last): (i64, Option<i64>) = (0, None);
            let mut refused = Vec::new();
            for &second in arrivals {
                let Some(before) = last else {
                    last = Some(second);
                    continue;
                };
                let drained = (second - before) * limit.per_minute as i64 * 1_000 / 60;
                let next = (excess - drained + 1_000).max(0);
                if next > limit.burst as i64 * 1_000 {
                    refused.push(second);
                } else {
                    (excess, last) = (next, Some(second));
                }
            }
            refused
        }
        // Five a second for ten seconds, twice, far apart, against one a second.
        let arrivals: Vec<i64> = [0, 600]
            .into_iter()
            .flat_map(|start| (0..50).map(move |n| start + n / 5))
            .collect();
        for burst in [0, 2, 5] {
            let limit = Limit {
                per_minute: 60,
                burst,
            };
            let before = refused(&arrivals, limit);
            for larger in [burst, burst + 3, 20, 60] {
                let truly = refused(
                    &arrivals,
                    Limit {
                        burst: larger,
                        ..limit
                    },
                );
                let told = let_through(&before, limit, larger);
                assert_eq!(
                    told,
                    (before.len() - truly.len()) as u64,
                    "{burst} {larger}"
                );
            }
        }
    }
}
