// Cooperative stopping: signal handlers only set a flag; stages poll it between records.
#pragma once

namespace retort {

/// Installs handlers for SIGINT, SIGTERM and SIGUSR1 (a second SIGINT or SIGTERM exits at once)
/// and ignores SIGPIPE and SIGXFSZ. Call once from main.
void InstallStopHandlers();
/// The signal number that asked to stop, or 0.
int StopRequested();
/// For tests.
void SetStopRequested(int signal_number);
/// Throws Error (kInterrupted for SIGINT, otherwise kTryAgain) "stopped by SIGINT ... run the same
/// command again to go on" if a stop was requested.
void ThrowIfStopRequested();

}  // namespace retort
