#include "core/base/subprocess.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "core/base/clock.h"
#include "core/base/error.h"

namespace retort {
namespace {

constexpr size_t kErrorTailBytes = 1024;
constexpr int kChildDescriptor = 3;

/// Owns one descriptor.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() { Close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  Descriptor& operator=(Descriptor&& other) noexcept {
    Close();
    fd_ = std::exchange(other.fd_, -1);
    return *this;
  }
  int get() const { return fd_; }
  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

 private:
  int fd_ = -1;
};

[[noreturn]] void FailToStart(const std::string& program, int error) {
  throw Error(ExitCode::kUnavailable,
              StrCat(program, ": cannot be started: ", std::strerror(error)));
}

/// Both ends of a pipe above the standard descriptors, closed on exec.
struct Pipe {
  explicit Pipe(const std::string& program) {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) FailToStart(program, errno);
    read = Descriptor(ends[0]);
    write = Descriptor(ends[1]);
  }
  Descriptor read, write;
};

/// What posix_spawn is told: descriptors, session, signals.
class SpawnPlan {
 public:
  SpawnPlan() {
    posix_spawn_file_actions_init(&actions_);
    posix_spawnattr_init(&attributes_);
    sigset_t none, defaults;
    sigemptyset(&none);
    sigemptyset(&defaults);
    for (const int number : {SIGPIPE, SIGXFSZ, SIGINT, SIGTERM, SIGUSR1}) {
      sigaddset(&defaults, number);
    }
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &defaults);
    posix_spawnattr_setflags(
        &attributes_,
        static_cast<int16_t>(POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF));
  }
  ~SpawnPlan() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  void Give(const Descriptor& from, int to) {
    posix_spawn_file_actions_adddup2(&actions_, from.get(), to);
  }
  void CloseFrom(int first) { posix_spawn_file_actions_addclosefrom_np(&actions_, first); }

  pid_t Start(const std::vector<std::string>& argv, bool empty_environment) {
    std::vector<char*> arguments;
    arguments.reserve(argv.size() + 1);
    for (const std::string& argument : argv) {
      arguments.push_back(const_cast<char*>(argument.c_str()));
    }
    arguments.push_back(nullptr);
    std::array<char*, 1> nothing{nullptr};
    pid_t pid = -1;
    const int error = posix_spawnp(&pid, arguments[0], &actions_, &attributes_, arguments.data(),
                                   empty_environment ? nothing.data() : environ);
    if (error != 0) FailToStart(argv[0], error);
    return pid;
  }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

/// Appends what can be read without waiting; false at the end of the stream.
bool ReadSome(int fd, std::string* text) {
  std::array<char, 4096> block{};
  const ssize_t got = read(fd, block.data(), block.size());
  if (got > 0) text->append(block.data(), static_cast<size_t>(got));
  return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

}  // namespace

struct Subprocess::State {
  pid_t pid = -1;
  Descriptor input, output, errors;
  std::string pending;  // read, not yet returned
  std::string error_tail;

  /// Whether there was anything to read.
  bool KeepErrors() {
    const size_t before = error_tail.size();
    if (!ReadSome(errors.get(), &error_tail)) errors.Close();
    const bool more = error_tail.size() > before;
    if (error_tail.size() > kErrorTailBytes) {
      error_tail.erase(0, error_tail.size() - kErrorTailBytes);
    }
    return more;
  }
  /// Sends what fits; drops the rest when the child no longer reads.
  void Send(std::string_view* rest) const {
    const ssize_t sent = send(input.get(), rest->data(), rest->size(), MSG_NOSIGNAL);
    if (sent > 0) {
      rest->remove_prefix(static_cast<size_t>(sent));
    } else if (sent < 0 && errno != EAGAIN && errno != EINTR) {
      *rest = {};
    }
  }
  bool Poll(bool writing, double seconds, std::array<pollfd, 3>* polled) const {
    *polled = {{{.fd = writing ? input.get() : -1, .events = POLLOUT, .revents = 0},
                {.fd = output.get(), .events = POLLIN, .revents = 0},
                {.fd = errors.get(), .events = POLLIN, .revents = 0}}};
    const double milliseconds = std::clamp(seconds * 1000, 0.0, 1e6) + 1;
    return poll(polled->data(), polled->size(), static_cast<int>(milliseconds)) >= 0 ||
           errno == EINTR;
  }
};

Subprocess::Subprocess(const SubprocessOptions& options) : state_(std::make_unique<State>()) {
  RETORT_CHECK(!options.argv.empty());
  const std::string& program = options.argv.front();
  std::array<int, 2> sockets{};  // not a pipe: a write to a dead child must not raise SIGPIPE
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets.data()) != 0) {
    FailToStart(program, errno);
  }
  state_->input = Descriptor(sockets[0]);
  const Descriptor child_input(sockets[1]);
  Pipe output(program), errors(program), extra(program);
  SpawnPlan plan;
  plan.Give(child_input, STDIN_FILENO);
  plan.Give(output.write, STDOUT_FILENO);
  plan.Give(errors.write, STDERR_FILENO);
  const std::string& bytes = options.descriptor3;
  if (!bytes.empty()) {
    if (write(extra.write.get(), bytes.data(), bytes.size()) != ssize_t(bytes.size())) {
      FailToStart(program, errno);
    }
    plan.Give(extra.read, kChildDescriptor);
  }
  plan.CloseFrom(bytes.empty() ? kChildDescriptor : kChildDescriptor + 1);
  state_->pid = plan.Start(options.argv, options.empty_environment);
  state_->output = std::move(output.read);
  state_->errors = std::move(errors.read);
  for (const Descriptor* fd : {&state_->input, &state_->output, &state_->errors}) {
    fcntl(fd->get(), F_SETFL, fcntl(fd->get(), F_GETFL) | O_NONBLOCK);
  }
}

Subprocess::~Subprocess() {
  kill(-state_->pid, SIGKILL);
  while (waitpid(state_->pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Subprocess::Reply Subprocess::Exchange(std::string_view input, size_t max_line_bytes,
                                       double seconds) {
  const double deadline = MonotonicSeconds() + seconds;
  bool open = true;
  while (true) {
    const size_t end = state_->pending.find('\n');
    if (input.empty() && end != std::string::npos && end <= max_line_bytes) {
      Reply reply{.end = End::kLine, .line = state_->pending.substr(0, end)};
      state_->pending.erase(0, end + 1);
      return reply;
    }
    if (std::min(end, state_->pending.size()) > max_line_bytes) return {.end = End::kTooLong};
    const double left = deadline - MonotonicSeconds();
    if (!open) {
      while (state_->KeepErrors()) {
      }
      return {.end = End::kClosed};
    }
    if (left <= 0) return {.end = End::kTimeout};
    std::array<pollfd, 3> polled{};
    if (!state_->Poll(!input.empty(), left, &polled)) return {.end = End::kClosed};
    if (polled[2].revents != 0) state_->KeepErrors();
    if (polled[0].revents != 0) state_->Send(&input);
    if (polled[1].revents != 0) open = ReadSome(state_->output.get(), &state_->pending);
    if (!open) input = {};
  }
}

pid_t Subprocess::id() const { return state_->pid; }

std::string Subprocess::ErrorTail() const {
  std::string line = state_->error_tail;
  while (!line.empty() && (line.back() == '\n' || line.back() == ' ')) line.pop_back();
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line;
}

}  // namespace retort
