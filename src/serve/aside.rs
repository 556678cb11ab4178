//! Something that a connection waits for besides bytes: looked at when it calls, not whenever bytes come.
//!
//! To look at a timer or a notification is to take its lock, and all connections share the one that tells of shutdown.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// Wakes the task, and remembers who called.
#[derive(Debug)]
struct Bell {
    rung: AtomicBool,
    task: Waker,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rung.store(true, Ordering::Release);
        self.task.wake_by_ref();
    }
}

/// Polls a future only when it called since it was last polled.
#[derive(Debug, Default)]
pub(super) struct Aside(Option<Arc<Bell>>);

impl Aside {
    /// As the future's own `poll`.
    pub(super) fn poll<F: Future>(&mut self, future: Pin<&mut F>, cx: &mut Context<'_>) -> Poll<F::Output> {
        match &self.0 {
            Some(bell) if bell.task.will_wake(cx.waker()) => {
                if !bell.rung.load(Ordering::Acquire) {
                    return Poll::Pending;
                }
                bell.rung.store(false, Ordering::Release);
            }
            // It has to know whom to call.
            _ => self.0 = Some(Arc::new(Bell { rung: AtomicBool::new(false), task: cx.waker().clone() })),
        }
        let Some(bell) = &self.0 else { return Poll::Pending };
        future.poll(&mut Context::from_waker(&Waker::from(Arc::clone(bell))))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::poll_fn;
    use std::pin::pin;

    use super::*;

    #[test]
    fn it_is_polled_when_it_calls_and_when_the_task_is_another() {
        struct Task;
        impl Wake for Task {
            fn wake(self: Arc<Self>) {}
        }
        let (polls, waker) = (Cell::new(0), Cell::new(None));
        let mut future = pin!(poll_fn(|cx| {
            polls.set(polls.get() + 1);
            waker.set(Some(cx.waker().clone()));
            if polls.get() < 4 { Poll::Pending } else { Poll::Ready(()) }
        }));
        let (mut aside, one, other) = (Aside::default(), Arc::new(Task).into(), Arc::new(Task).into());
        let mut poll = |task: &Waker| aside.poll(future.as_mut(), &mut Context::from_waker(task)).is_ready();
        let call = || waker.take().expect("polled before").wake();
        assert!(!poll(&one) && !poll(&one));
        assert_eq!(polls.get(), 1, "it did not call");
        call();
        assert!(!poll(&one) && !poll(&one));
        assert_eq!(polls.get(), 2, "it called once");
        assert!(!poll(&other));
        assert_eq!(polls.get(), 3, "another task has to be called");
        call();
        assert!(poll(&other));
    }
}
