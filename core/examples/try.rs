use egoist_core::overlay::{experiment::*, *};
use egoist_core::sim::*;
fn main(){
 let a:Vec<String>=std::env::args().collect();
 let text=std::fs::read_to_string(&a[1]).unwrap();
 let m=Matrix::parse(&text, Unit::Millis).unwrap();
  let k:usize=a[3].parse().unwrap();
 let seed:u64=a[5].parse().unwrap();
 let links=if a[4]=="d"{LinkMode::Directed}else{LinkMode::Mutual};
 let lag:u64=a.get(6).map_or(0,|s|s.parse().unwrap());
 let nodes: Vec<usize> = if a[2].contains(',') {a[2].split(',').map(|x|x.parse().unwrap()).collect()} else if a[2]=="490" {(0..490).collect()} else { let n:usize=a[2].parse().unwrap(); m.draw(n, egoist_core::kernel::Seed::from_u64(1)).unwrap()};
 let m=m.select(&nodes).unwrap();
 let plan=Plan{k,policy:PolicyKind::BestResponse,links,eps_ppm:10_000,guarding:wiring::Caution::Quiet,lag:std::time::Duration::from_secs(lag),pace:1,epochs:a.get(7).map_or(20,|s|s.parse().unwrap()),seed};
 let t=std::time::Instant::now();
 let mut x=Experiment::new(plan,&m);
 while let Some(e)=x.next_epoch(){ println!("{:?} {:?}",e,t.elapsed()); }
 println!("{:?}", x.traffic()); let tot=x.world().totals(); println!("{tot:?}");
 let mut c=Counters::default(); for (_,m) in x.members(){ let d=m.counters(); c.misbehaved+=d.misbehaved; c.taken+=d.taken;c.duplicates+=d.duplicates;c.decisions+=d.decisions;c.rewirings+=d.rewirings;c.waited+=d.waited;c.stray_datagrams+=d.stray_datagrams;} println!("{c:?}");
}
