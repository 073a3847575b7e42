use coroner::{engine::*, input, classify::Classifier, aggregate::bucket::{Grain,Width}};
fn main(){
  let args: Vec<std::path::PathBuf> = std::env::args_os().skip(1).map(Into::into).collect();
  let (found,_)=input::discover(&args);
  let c=Classifier::default();
  let t=std::time::Instant::now();
  let s=scan(&found,&c,&EngineConfig{n_threads:std::env::var("T").map(|t|t.parse().unwrap()).unwrap_or(2),chunk_len:1<<20,grain:Grain::Fixed(Width::Minute),filter:Default::default()});
  eprintln!("scan {:?}",t.elapsed()); println!("{} rows {:?} {:?}", s.aggregate.failures.into_rows().len(), s.ledgers[0].lines, t.elapsed());
}
