//! A proxy before the emulator that writes down every call and can kill the caller at the n-th.

use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::http::Message;

/// No call to the emulator takes longer than this.
const LONGEST: Duration = Duration::from_secs(120);

/// When the caller dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The call never reaches AWS.
    BeforeForwarding,
    /// AWS has done it; the answer is lost.
    AfterAnswer,
}

#[derive(Clone, Copy, Debug)]
pub struct Trap {
    /// The call at which the caller dies, counted from 1.
    pub call: usize,
    pub moment: Moment,
}

#[derive(Default)]
struct Book {
    calls: Vec<String>,
    in_flight: usize,
    trap: Option<Trap>,
    victim: Option<Pid>,
    sprung: bool,
}

struct Shared {
    upstream: SocketAddr,
    book: Mutex<Book>,
    changed: Condvar,
}

/// Listens until the test binary ends.
pub struct Proxy {
    pub endpoint: String,
    shared: Arc<Shared>,
}

impl Proxy {
    pub fn start(upstream: SocketAddr) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("its own address"));
        let shared = Arc::new(Shared { upstream, book: Mutex::default(), changed: Condvar::new() });
        let of_thread = shared.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = of_thread.clone();
                std::thread::spawn(move || shared.serve(stream));
            }
        });
        Proxy { endpoint, shared }
    }

    /// Begins a new count, with a trap or without.
    pub fn begin(&self, trap: Option<Trap>) {
        *self.shared.book.lock().unwrap() = Book { trap, ..Book::default() };
    }

    /// Says whom the trap kills; until then a call at the trap waits.
    pub fn victim(&self, pid: u32) {
        self.shared.book.lock().unwrap().victim = Pid::from_raw(pid as i32);
        self.shared.changed.notify_all();
    }

    /// The calls since the count began, each as one line. Waits until the last has been answered.
    pub fn calls(&self) -> Vec<String> {
        let book = self.shared.book.lock().unwrap();
        let (book, waited) = self.shared.changed.wait_timeout_while(book, LONGEST, |b| b.in_flight > 0).unwrap();
        assert!(!waited.timed_out(), "{} calls are still on their way: {:?}", book.in_flight, book.calls);
        book.calls.clone()
    }

    /// Those of the calls that change something.
    pub fn writes(&self) -> Vec<String> {
        self.calls().into_iter().filter(|call| is_write(call)).collect()
    }

    pub fn has_sprung(&self) -> bool {
        self.shared.book.lock().unwrap().sprung
    }
}

impl Shared {
    /// One connection, one call: `connection: close` is in every answer.
    fn serve(&self, mut stream: TcpStream) {
        let Ok(Some(request)) = Message::read_request(&mut stream) else { return };
        let number = {
            let mut book = self.book.lock().unwrap();
            book.calls.push(name(&request));
            book.in_flight += 1;
            book.calls.len()
        };
        let answer = self.answer(&request, number);
        self.book.lock().unwrap().in_flight -= 1;
        self.changed.notify_all();
        if let Some(answer) = answer {
            // a caller that was killed meanwhile does not read it
            let _ = stream.write_all(&answer);
        }
    }

    fn answer(&self, request: &Message, number: usize) -> Option<Vec<u8>> {
        if self.spring(number, Moment::BeforeForwarding) {
            return None;
        }
        let answer = match request.send(self.upstream) {
            Ok(answer) => answer,
            // a connection that is cut, as with AWS on a bad day: the caller tries again, or says so
            Err(error) => {
                eprintln!("the emulator does not answer {}: {error}", name(request));
                return None;
            }
        };
        if self.spring(number, Moment::AfterAnswer) { None } else { Some(answer) }
    }

    /// Kills the victim when this is the call and the moment of the trap.
    fn spring(&self, number: usize, moment: Moment) -> bool {
        let book = self.book.lock().unwrap();
        if !book.trap.is_some_and(|t| t.call == number && t.moment == moment) {
            return false;
        }
        let mut book = self.changed.wait_while(book, |b| b.victim.is_none()).unwrap();
        let victim = book.victim.expect("waited for it");
        // nobody has waited for the child yet, so its number is still its own
        kill_process(victim, Signal::KILL).expect("killing our own child");
        book.sprung = true;
        true
    }
}

/// `CreateChangeSet prod-a`, `PUT /bucket/key`.
fn name(request: &Message) -> String {
    let (method, target) = request.target();
    if let Some(action) = request.header("x-amz-target") {
        return action.to_owned();
    }
    let body = request.text();
    let field =
        |name: &str| body.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).map(str::to_owned);
    match field("Action") {
        Some(action) => format!("{action} {}", field("StackName").unwrap_or_default()).trim_end().to_owned(),
        None => format!("{method} {target}"),
    }
}

fn is_write(call: &str) -> bool {
    const READS: [&str; 8] =
        ["Describe", "Get", "List", "AssumeRole", "GET ", "HEAD ", "AmazonSSM.Get", "AmazonSSM.Describe"];
    !READS.iter().any(|read| call.starts_with(read))
}
