// What tells a watch of new objects.
#ifndef MILLRACE_WATCH_TRIGGER_H_
#define MILLRACE_WATCH_TRIGGER_H_

namespace millrace::watch {

class Trigger {
 public:
  // Offers nothing any more, and answers what is still open.
  virtual ~Trigger() = default;
  // From here on it offers nothing; returns soon. What it has offered may still be answered.
  virtual void Stop() = 0;
};

}  // namespace millrace::watch

#endif  // MILLRACE_WATCH_TRIGGER_H_
