// The yardstick of the proxy's benchmark: what a tuned Boost.Beast server needs for durable POSTs,
// without limits, enrichment or followers. One io_context per thread with a concrete executor;
// bodies are decoded and parsed, appended to a preallocated log by a committer thread, and answered
// after fdatasync.
//
//   proxy_yardstick THREADS LOG_FILE     prints its port; ends when its input does
#include <fcntl.h>
#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>
#include <simdjson.h>
#include <unistd.h>

#include <array>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/byte_buffer.h"

namespace millrace {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using beast::error_code;
using Tcp = asio::ip::tcp;
using Executor = asio::io_context::executor_type;
using Socket = asio::basic_stream_socket<Tcp, Executor>;
using Acceptor = asio::basic_socket_acceptor<Tcp, Executor>;

constexpr size_t kLogBytes = size_t{512} << 20;
constexpr size_t kMaxBodyBytes = 10 << 20;
constexpr size_t kReadBytes = 8 << 10;  // at once, as the proxy; Beast alone begins with 512
constexpr std::string_view kResponse =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1\r\n\r\n1";
constexpr std::string_view kBadRequest = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";

[[noreturn]] void Die(const char* what) {
  std::perror(what);
  std::_Exit(1);
}

class Connection;

struct Worker {
  asio::io_context io{1};
  size_t number = 0;
  simdjson::dom::parser json;
  ByteBuffer text;
  std::thread thread;
};

// Writes what was appended, and answers the connections that wait for it.
class Committer {
 public:
  Committer(const char* path, std::vector<std::unique_ptr<Worker>>& workers) : workers_(workers) {
    file_ = ::open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file_ < 0) Die(path);
    const std::string zeros(1 << 20, '\0');
    for (size_t at = 0; at < kLogBytes; at += zeros.size()) {
      if (::pwrite(file_, zeros.data(), zeros.size(), static_cast<off_t>(at)) < 0) Die(path);
    }
    if (::fsync(file_) != 0) Die(path);
    next_.waiting.resize(workers.size());
    std::thread([this] { Run(); }).detach();
  }

  void Append(const Worker& worker, Connection* connection, std::string_view json) {
    struct {
      uint32_t size;
      uint32_t check;
    } head;
    head.size = static_cast<uint32_t>(json.size());
    auto* const data = reinterpret_cast<unsigned char*>(const_cast<char*>(json.data()));
    head.check = crc32_iscsi(data, static_cast<int>(json.size()), 0);
    bool was_idle = false;
    {
      const std::lock_guard lock(mutex_);
      next_.frames.Append({reinterpret_cast<const char*>(&head), sizeof(head)});
      next_.frames.Append(json);
      next_.waiting[worker.number].push_back(connection);
      was_idle = std::exchange(is_idle_, false);
    }
    if (was_idle) wake_.notify_one();
  }

 private:
  struct Batch {
    ByteBuffer frames;
    std::vector<std::vector<Connection*>> waiting;  // of each worker
  };

  void Run();

  std::vector<std::unique_ptr<Worker>>& workers_;
  int file_ = -1;
  size_t end_ = 0;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool is_idle_ = false;
  Batch next_;
};

// Deletes itself when the peer leaves.
class Connection {
 public:
  Connection(Worker& worker, Committer& log, Socket socket)
      : worker_(worker), log_(log), socket_(std::move(socket)) {
    socket_.set_option(Tcp::no_delay(true));
    socket_.non_blocking(true);
    buffer_.reserve(kReadBytes);
  }

  void Read() {
    parser_.emplace();
    parser_->body_limit(kMaxBodyBytes);
    http::async_read(socket_, buffer_, *parser_, [this](const error_code& ec, size_t) {
      if (ec) {
        delete this;
      } else if (const std::string_view json = Decode(parser_->get().body()); IsValid(json)) {
        log_.Append(worker_, this, json);
      } else {
        Write(kBadRequest);
      }
    });
  }

  void Answer() { Write(kResponse); }

 private:
  // The JSON of a body, with room after it.
  std::string_view Decode(const std::string& body) {
    ByteBuffer& text = worker_.text;
    text.clear();
    if (body.starts_with("\x1f\x8b")) {
      if (!Inflate(body, text)) return {};
    } else if (body.starts_with("data=")) {
      Unescape(std::string_view(body).substr(5), text);
    } else {
      text.Append(body);
    }
    return text.view();
  }

  static bool Inflate(const std::string& body, ByteBuffer& text) {
    inflate_state state;
    isal_inflate_init(&state);
    state.crc_flag = ISAL_GZIP;
    state.next_in = reinterpret_cast<uint8_t*>(const_cast<char*>(body.data()));
    state.avail_in = static_cast<uint32_t>(body.size());
    while (state.block_state != ISAL_BLOCK_FINISH && text.size() < kMaxBodyBytes) {
      const size_t room = 64 << 10;
      state.next_out = reinterpret_cast<uint8_t*>(text.Reserve(room));
      state.avail_out = room;
      if (isal_inflate(&state) != ISAL_DECOMP_OK) return false;
      text.Commit(room - state.avail_out);
      if (state.avail_in == 0 && state.avail_out > 0) break;
    }
    return state.block_state == ISAL_BLOCK_FINISH;
  }

  static void Unescape(std::string_view form, ByteBuffer& text) {
    static constexpr std::array<int8_t, 256> kHex = [] {
      std::array<int8_t, 256> values{};
      for (int i = 0; i < 10; ++i) values[static_cast<size_t>('0' + i)] = static_cast<int8_t>(i);
      for (int i = 0; i < 6; ++i) {
        values[static_cast<size_t>('a' + i)] = values[static_cast<size_t>('A' + i)] =
            static_cast<int8_t>(10 + i);
      }
      return values;
    }();
    const auto hex = [](char c) { return kHex[static_cast<unsigned char>(c)]; };
    char* const begin = text.Reserve(form.size());
    char* out = begin;
    for (size_t i = 0; i < form.size(); ++i) {
      const char c = form[i];
      if (c == '%' && i + 2 < form.size()) {
        *out++ = static_cast<char>(hex(form[i + 1]) << 4 | hex(form[i + 2]));
        i += 2;
      } else {
        *out++ = c == '+' ? ' ' : c;
      }
    }
    text.Commit(static_cast<size_t>(out - begin));
  }

  bool IsValid(std::string_view json) {
    const auto is_event = [](const simdjson::dom::element& element) {
      simdjson::dom::object object;
      std::string_view name;
      return element.get(object) == simdjson::SUCCESS &&
             object["event"].get(name) == simdjson::SUCCESS;
    };
    simdjson::dom::element root;
    if (json.empty() ||
        worker_.json.parse(json.data(), json.size(), false).get(root) != simdjson::SUCCESS) {
      return false;
    }
    simdjson::dom::array array;
    if (root.get(array) != simdjson::SUCCESS) return is_event(root);
    for (const simdjson::dom::element element : array) {
      if (!is_event(element)) return false;
    }
    return true;
  }

  void Write(std::string_view response) {
    error_code ec;
    const size_t written = socket_.write_some(asio::buffer(response), ec);
    if (!ec && written == response.size()) return Read();
    if (ec && ec != asio::error::would_block) {
      delete this;
      return;
    }
    asio::async_write(socket_, asio::buffer(response.substr(written)),
                      [this](const error_code& failed, size_t) {
                        if (failed) {
                          delete this;
                        } else {
                          Read();
                        }
                      });
  }

  Worker& worker_;
  Committer& log_;
  Socket socket_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
};

void Committer::Run() {
  Batch batch;
  batch.waiting.resize(workers_.size());
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      while (next_.frames.empty()) {
        is_idle_ = true;
        wake_.wait(lock);
      }
      is_idle_ = false;
      std::swap(batch, next_);
    }
    const std::string_view frames = batch.frames.view();
    if (end_ + frames.size() > kLogBytes) end_ = 0;
    if (::pwrite(file_, frames.data(), frames.size(), static_cast<off_t>(end_)) !=
            static_cast<ssize_t>(frames.size()) ||
        ::fdatasync(file_) != 0) {
      Die("the log");
    }
    end_ += frames.size();
    for (size_t i = 0; i < workers_.size(); ++i) {
      if (batch.waiting[i].empty()) continue;
      asio::post(workers_[i]->io, [waiting = std::exchange(batch.waiting[i], {})] {
        for (Connection* const connection : waiting) connection->Answer();
      });
    }
    batch.frames.clear();
  }
}

int Serve(size_t threads, const char* path) {
  std::vector<std::unique_ptr<Worker>> workers;
  for (size_t i = 0; i < threads; ++i) {
    workers.push_back(std::make_unique<Worker>());
    workers.back()->number = i;
  }
  Committer log(path, workers);
  Acceptor acceptor(workers[0]->io,
                    Tcp::endpoint(asio::ip::address_v4::loopback(), /*port_num=*/0));
  acceptor.non_blocking(true);
  size_t next = 0;
  std::function<void()> accept = [&] {
    acceptor.async_wait(Acceptor::wait_read, [&](const error_code& failed) {
      error_code ec = failed;
      while (!ec) {
        Worker& worker = *workers[next];
        Socket socket = acceptor.accept(worker.io.get_executor(), ec);
        if (ec) break;
        next = (next + 1) % workers.size();
        asio::post(worker.io, [&worker, &log, socket = std::move(socket)]() mutable {
          (new Connection(worker, log, std::move(socket)))->Read();
        });
      }
      accept();
    });
  };
  accept();
  for (const auto& worker : workers) {
    worker->thread = std::thread([&io = worker->io] {
      const auto work = asio::make_work_guard(io);
      io.run();
    });
  }
  std::printf("%u\n", static_cast<unsigned>(acceptor.local_endpoint().port()));
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  std::_Exit(0);
}

}  // namespace
}  // namespace millrace

int main(int argc, char** argv) {
  const int threads = argc == 3 ? std::atoi(argv[1]) : 0;
  if (threads < 1) {
    std::fprintf(stderr, "usage: proxy_yardstick THREADS LOG_FILE\n");
    return 2;
  }
  return millrace::Serve(static_cast<size_t>(threads), argv[2]);
}
