// Sends Mixpanel events over HTTP, and measures. One thread, keep-alive.
//
// Without --rate, each connection sends its next request as soon as it has a response (closed
// loop). With it, requests are sent at that rate whatever the server does (open loop), and latency
// counts from the time at which a request was to be sent. Prints one line of JSON.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <initializer_list>
#include <map>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Nanos = int64_t;

constexpr Nanos kSecond = 1'000'000'000;
constexpr size_t kEventBytes = 448;
constexpr size_t kEventsOfBatch = 50;
constexpr size_t kVariants = 64;  // of requests, so that not all have the same content

constexpr std::string_view kUsage =
    "usage: proxy_load --port PORT [--connections N] [--seconds S] [--warmup S] [--rate "
    "REQUESTS_PER_SECOND]\n"
    "                  [--body single|batch|gzip] [--pid PID_OF_THE_SERVER]\n";

struct Options {
  int port = 0;
  size_t connections = 64;
  double seconds = 5;
  double warmup = 1;
  double rate = 0;  // 0: closed loop
  std::string body = "single";
  int pid = 0;
};

[[noreturn]] void Die(const std::string& what) {
  std::perror(what.c_str());
  std::exit(1);
}

Nanos Now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

double CpuSecondsOf(int pid) {
  if (pid == 0) {
    struct rusage usage = {};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) { return time.tv_sec + time.tv_usec * 1e-6; };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
  }
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string stat((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::istringstream fields(stat.substr(std::min(stat.size(), stat.rfind(')') + 1)));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  double user = 0, system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

// Events as mixpanel-js sends them, which differ as those of a shop would.
class Events {
 public:
  // Of another visitor.
  std::string Next() {
    device_ = Hex(8) + "-f1d8-4b0e-a3e5-" + Hex(12);
    browser_ = Pick({"Chrome", "Safari", "Firefox", "Microsoft Edge"});
    os_ = Pick({"Mac OS X", "Windows", "Android", "iOS", "Linux"});
    width_ = Pick({"1920", "1440", "2560", "390", "414"});
    return NextOfVisitor();
  }
  std::string NextOfVisitor() {
    const std::string page = Word() + "/" + Word() + "?page=" + std::to_string(random_() % 100);
    std::string event =
        "{\"event\":\"" + Pick({"Page Viewed", "Item Added", "Search", "Checkout Started"}) +
        "\",\"properties\":{\"$os\":\"" + os_ + "\",\"$browser\":\"" + browser_ +
        "\",\"$browser_version\":126,\"$current_url\":\"https://shop.example.com/" + page +
        "\",\"$screen_height\":1080,\"$screen_width\":" + width_ +
        ",\"mp_lib\":\"web\",\"$lib_version\":\"2.55.1\",\"$insert_id\":\"" + Hex(16) +
        "\",\"time\":17645" + std::to_string(10000 + random_() % 90000) + "." +
        std::to_string(100 + random_() % 900) + ",\"distinct_id\":\"$device:" + device_ +
        "\",\"token\":\"0123456789abcdef0123456789abcdef\",\"title\":\"";
    while (event.size() < kEventBytes - 3) event += Word() + " ";
    event.resize(kEventBytes - 3);
    return event + "\"}}";
  }

 private:
  std::string Pick(std::initializer_list<const char*> choices) {
    return choices.begin()[random_() % choices.size()];
  }
  std::string Word() {
    return Pick({"shoes", "boots", "winter", "summer", "leather", "running", "kids", "sale", "new",
                 "black", "white", "trail", "canvas", "laces", "size", "offer"}) +
           std::to_string(random_() % 1000);
  }
  std::string Hex(size_t digits) {
    std::string text;
    while (digits-- > 0) text += "0123456789abcdef"[random_() % 16];
    return text;
  }

  std::mt19937_64 random_{1};
  std::string device_, browser_, os_, width_;
};

std::string FormEscaped(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string escaped;
  for (const char c : text) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 ||
        std::strchr("-_.!~*'()", c) != nullptr) {
      escaped += c;
    } else {
      escaped += '%';
      escaped += kHex[static_cast<unsigned char>(c) >> 4];
      escaped += kHex[static_cast<unsigned char>(c) & 15];
    }
  }
  return escaped;
}

std::string Gzip(const std::string& text) {
  z_stream stream = {};
  constexpr int kGzipWindow = 15 + 16;
  if (::deflateInit2(&stream, 6, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    Die("deflate");
  std::string out(::deflateBound(&stream, text.size()) + 32, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  if (::deflate(&stream, Z_FINISH) != Z_STREAM_END) Die("deflate");
  out.resize(stream.total_out);
  ::deflateEnd(&stream);
  return out;
}

std::string Request(const std::string& kind, Events& events) {
  std::string type = "application/x-www-form-urlencoded", encoding, body;
  if (kind == "single") {
    body = "data=" + FormEscaped(events.Next());
  } else {
    type = "application/json";
    body = "[" + events.Next();
    for (size_t i = 1; i < kEventsOfBatch; ++i) body += "," + events.NextOfVisitor();
    body += ']';
    if (kind == "gzip") {
      body = Gzip(body);
      encoding = "Content-Encoding: gzip\r\n";
    }
  }
  return "POST /track/?verbose=0&ip=1&_=1764510123456 HTTP/1.1\r\n"
         "Host: events.example.com\r\n"
         "Connection: keep-alive\r\n"
         "Content-Length: " +
         std::to_string(body.size()) +
         "\r\n"
         "User-Agent: Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, "
         "like Gecko) "
         "Chrome/126.0.0.0 Safari/537.36\r\n"
         "Content-Type: " +
         type + "\r\n" + encoding +
         "Accept: */*\r\n"
         "Origin: https://shop.example.com\r\n"
         "Sec-Fetch-Site: same-site\r\n"
         "Sec-Fetch-Mode: cors\r\n"
         "Sec-Fetch-Dest: empty\r\n"
         "Referer: https://shop.example.com/\r\n"
         "Accept-Encoding: gzip, deflate, br, zstd\r\n"
         "Accept-Language: en-US,en;q=0.9\r\n"
         "\r\n" +
         body;
}

struct Connection {
  int socket = -1;
  const std::string* request = nullptr;
  size_t sent = 0;
  Nanos begin = 0;  // when the request was sent, or was to be sent
  std::string response;
};

class Load {
 public:
  explicit Load(const Options& options) : options_(options) {
    Events events;
    while (requests_.size() < kVariants) requests_.push_back(Request(options.body, events));
    epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    ::prctl(PR_SET_TIMERSLACK, 1);
    for (size_t i = 0; i < options.connections; ++i) Connect(i);
  }

  void Run() {
    begin_ = Now();
    const Nanos measured_from = begin_ + static_cast<Nanos>(options_.warmup * kSecond);
    const Nanos end = measured_from + static_cast<Nanos>(options_.seconds * kSecond);
    if (options_.rate == 0) {
      for (const auto& connection : connections_) Send(*connection, begin_);
    } else {
      for (const auto& connection : connections_) idle_.push_back(connection.get());
    }
    double server_cpu = 0, own_cpu = 0;
    Nanos now = begin_;
    while (now < end) {
      if (!measures_ && now >= measured_from) {
        measures_ = true;
        from_ = now;
        server_cpu = CpuSecondsOf(options_.pid);
        own_cpu = CpuSecondsOf(0);
      }
      Poll(SendDue(now));
      now = Now();
    }
    const double seconds = static_cast<double>(now - from_) / kSecond;
    Print(seconds, options_.pid == 0 ? 0 : CpuSecondsOf(options_.pid) - server_cpu,
          CpuSecondsOf(0) - own_cpu);
  }

 private:
  void Connect(size_t number) {
    auto connection = std::make_unique<Connection>();
    connection->socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(options_.port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(connection->socket, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0)
      Die("connecting");
    const int on = 1;
    ::setsockopt(connection->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data = {.ptr = connection.get()}};
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, connection->socket, &event) != 0) Die("epoll_ctl");
    connection->request = &requests_[number % kVariants];
    connection->sent = connection->request->size();
    connections_.push_back(std::move(connection));
  }

  // Open loop: sends what is due, and returns how long to wait for more; -1: for a response.
  Nanos SendDue(Nanos now) {
    if (options_.rate == 0) return -1;
    while (!idle_.empty()) {
      const Nanos due =
          begin_ + static_cast<Nanos>(static_cast<double>(planned_) / options_.rate * kSecond);
      if (due > now) return due - now;
      ++planned_;
      Connection* const connection = idle_.front();
      idle_.pop_front();
      Send(*connection, due);
    }
    return -1;
  }

  void Poll(Nanos wait) {
    std::array<epoll_event, 256> events;
    constexpr Nanos kMaxWait = 100'000'000;
    const timespec timeout = {.tv_sec = 0,
                              .tv_nsec = std::min(wait < 0 ? kMaxWait : wait, kMaxWait)};
    const int count = ::epoll_pwait2(epoll_, events.data(), events.size(), &timeout, nullptr);
    for (int i = 0; i < count; ++i) {
      auto& connection = *static_cast<Connection*>(events[static_cast<size_t>(i)].data.ptr);
      if (connection.sent < connection.request->size()) SendSome(connection);
      if ((events[static_cast<size_t>(i)].events & EPOLLIN) != 0) Receive(connection);
    }
  }

  void Send(Connection& connection, Nanos begin) {
    connection.begin = begin;
    connection.sent = 0;
    SendSome(connection);
  }

  void SendSome(Connection& connection) {
    const std::string& request = *connection.request;
    while (connection.sent < request.size()) {
      const ssize_t n = ::send(connection.socket, request.data() + connection.sent,
                               request.size() - connection.sent, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n < 0 && errno == EAGAIN) return;
      if (n < 0) Die("sending");
      connection.sent += static_cast<size_t>(n);
    }
  }

  void Receive(Connection& connection) {
    std::array<char, 4096> buffer;
    const ssize_t n = ::recv(connection.socket, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) Die("the server closed a connection");
    std::string_view response(buffer.data(), static_cast<size_t>(n));
    if (!connection.response.empty()) response = connection.response.append(response);
    if (!IsWhole(response)) {
      if (connection.response.empty()) connection.response = response;
      return;
    }
    const int status = std::atoi(response.data() + 9);
    connection.response.clear();
    const Nanos now = Now();
    if (measures_) {
      ++statuses_[status];
      if (options_.rate == 0 || connection.begin >= from_)
        latencies_.push_back(now - connection.begin);
    }
    if (options_.rate == 0) {
      Send(connection, now);
    } else {
      idle_.push_back(&connection);
    }
  }

  static bool IsWhole(std::string_view response) {
    const size_t end = response.find("\r\n\r\n");
    if (end == std::string_view::npos) return false;
    constexpr std::string_view kLength = "\r\nContent-Length: ";
    const size_t length = response.find(kLength);
    if (length == std::string_view::npos || length > end) Die("a response without Content-Length");
    const int size = std::atoi(response.data() + length + kLength.size());
    return response.size() >= end + 4 + static_cast<size_t>(size);
  }

  void Print(double seconds, double server_cpu, double own_cpu) {
    std::sort(latencies_.begin(), latencies_.end());
    const auto latency = [this](double share) {
      if (latencies_.empty()) return 0.0;
      const auto at = static_cast<size_t>(share * static_cast<double>(latencies_.size() - 1));
      return static_cast<double>(latencies_[at]) / 1e6;
    };
    uint64_t all = 0;
    for (const auto& [status, count] : statuses_) all += count;
    const uint64_t good = statuses_[200];
    const double requests = static_cast<double>(std::max<uint64_t>(all, 1));
    std::printf(
        "{\"requests_per_s\": %.0f, \"events_per_s\": %.0f, \"not_200\": %llu, \"p50_ms\": %.3f, "
        "\"p99_ms\": %.3f, "
        "\"p999_ms\": %.3f, \"max_ms\": %.3f, \"server_us_per_request\": %.2f, "
        "\"client_us_per_request\": %.2f}\n",
        static_cast<double>(good) / seconds,
        static_cast<double>(good * (options_.body == "single" ? 1 : kEventsOfBatch)) / seconds,
        static_cast<unsigned long long>(all - good), latency(0.5), latency(0.99), latency(0.999),
        latency(1), server_cpu * 1e6 / requests, own_cpu * 1e6 / requests);
  }

  const Options& options_;
  std::vector<std::string> requests_;
  int epoll_ = -1;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::deque<Connection*> idle_;  // of the open loop
  uint64_t planned_ = 0;
  Nanos begin_ = 0;
  bool measures_ = false;
  Nanos from_ = 0;
  std::map<int, uint64_t> statuses_;
  std::vector<Nanos> latencies_;
};

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    const char* const value = argv[i + 1];
    if (name == "--port") options.port = std::atoi(value);
    if (name == "--connections") options.connections = static_cast<size_t>(std::atoi(value));
    if (name == "--seconds") options.seconds = std::atof(value);
    if (name == "--warmup") options.warmup = std::atof(value);
    if (name == "--rate") options.rate = std::atof(value);
    if (name == "--body") options.body = value;
    if (name == "--pid") options.pid = std::atoi(value);
  }
  if (options.port == 0 || options.connections == 0) {
    std::fputs(kUsage.data(), stderr);
    return 2;
  }
  Load(options).Run();
  return 0;
}
