//! Episodes: the failures of one upstream cut into stretches, at silences in which it answered or which are long.

use super::{
    facts::Facts,
    observed::{Spell, Symptom},
};
use crate::event::Timestamp;

/// A stretch of failures of one upstream.
#[derive(Clone, Debug)]
pub struct Episode<'a> {
    pub first: Timestamp,
    pub last: Timestamp,
    pub n_events: u64,
    /// What was said in it, by the first time it was.
    pub steps: Vec<Step<'a>>,
    /// The last answer before it.
    pub ok_before: Option<Timestamp>,
    /// The first answer behind it.
    pub ok_after: Option<Spell>,
}

/// One symptom within an episode.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    pub symptom: &'a Symptom,
    pub first: Timestamp,
    pub last: Timestamp,
    pub n_events: u64,
}

/// A silence of this many seconds ends an episode, if the upstream answered in it,
const SILENCE_S: i64 = 60;

/// and one of this many whatever it did.
const LONG_SILENCE_S: i64 = 1_800;

/// The episodes of `symptoms`, which are of one upstream, by time. What carries no time is in none.
pub fn episodes<'a>(facts: &Facts<'a>, symptoms: &[&'a Symptom]) -> Vec<Episode<'a>> {
    let Some(symptom) = symptoms.first() else {
        return Vec::new();
    };
    let service = facts.service(symptom.upstream.as_deref());
    let mut spells: Vec<(Spell, &'a Symptom)> = symptoms
        .iter()
        .flat_map(|&symptom| symptom.spells.iter().map(move |spell| (*spell, symptom)))
        .collect();
    spells.sort_by_key(|(spell, symptom)| (spell.first, spell.last, symptom.evidence));
    let mut parts: Vec<Vec<(Spell, &Symptom)>> = Vec::new();
    let mut last = Timestamp(i64::MIN);
    for (spell, symptom) in spells {
        let silence_s = spell.first.0.saturating_sub(last.0);
        let answered = service.is_some_and(|service| service.n_ok_between(last, spell.first) > 0);
        let is_over = silence_s >= LONG_SILENCE_S || silence_s >= SILENCE_S && answered;
        match parts.last_mut().filter(|_| !is_over) {
            Some(part) => part.push((spell, symptom)),
            None => parts.push(vec![(spell, symptom)]),
        }
        last = last.max(spell.last);
    }
    let episode = |part: Vec<(Spell, &'a Symptom)>| {
        let first = part[0].0.first;
        let last = part
            .iter()
            .map(|(spell, _)| spell.last)
            .max()
            .unwrap_or(first);
        Episode {
            first,
            last,
            n_events: part.iter().map(|(spell, _)| spell.n_events).sum(),
            steps: steps(&part),
            ok_before: service.and_then(|service| service.last_ok_before(first)),
            ok_after: service.and_then(|service| service.first_ok_after(last)),
        }
    };
    parts.into_iter().map(episode).collect()
}

fn steps<'a>(part: &[(Spell, &'a Symptom)]) -> Vec<Step<'a>> {
    let mut steps: Vec<Step<'a>> = Vec::new();
    for (spell, symptom) in part {
        match steps
            .iter_mut()
            .find(|step| std::ptr::eq(step.symptom, *symptom))
        {
            Some(step) => {
                step.last = step.last.max(spell.last);
                step.n_events += spell.n_events;
            }
            None => steps.push(Step {
                symptom,
                first: spell.first,
                last: spell.last,
                n_events: spell.n_events,
            }),
        }
    }
    steps
}

impl Episode<'_> {
    pub fn seconds(&self) -> i64 {
        self.last.0 - self.first.0
    }
}
