// A source of notifications for a watch.
#ifndef MILLRACE_WATCH_TRIGGER_H_
#define MILLRACE_WATCH_TRIGGER_H_

namespace millrace::watch {

class Trigger {
 public:
  // Stops offering, and completes open requests.
  virtual ~Trigger() = default;
  // Stops offering; returns soon. Notifications that it has offered may still be completed.
  virtual void Stop() = 0;
};

}  // namespace millrace::watch

#endif  // MILLRACE_WATCH_TRIGGER_H_
