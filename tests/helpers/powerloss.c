/* A disk that forgets: before a file is written, what was there is noted in a journal; a sync
   empties the journal. After the process has been killed, playing the journals back gives what
   a power cut would have left: nothing that was not synced.

   POWERLOSS_DIR: files below it are watched. POWERLOSS_JOURNAL: where the journals are kept. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_ftruncate)(int, off_t);
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

struct record {
  int64_t offset, old_size, length;
};

__attribute__((constructor)) static void begin(void) {
  real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
  real_fsync = dlsym(RTLD_NEXT, "fsync");
  real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
  real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
}

/* The journal of a watched database file, opened; -1 for any other file. */
static int journal(int fd) {
  const char *dir = getenv("POWERLOSS_DIR"), *where = getenv("POWERLOSS_JOURNAL");
  char link[64], path[PATH_MAX], name[PATH_MAX];
  if (!dir || !where) return -1;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, sizeof path - 1);
  if (n <= 0) return -1;
  path[n] = 0;
  if (strncmp(path, dir, strlen(dir)) || !strstr(path, ".db")) return -1;
  snprintf(name, sizeof name, "%s/%s", where, strrchr(path, '/') + 1);
  return open(name, O_WRONLY | O_CREAT | O_APPEND, 0600);
}

static void note(int fd, int log, int64_t offset, int64_t length) {
  struct stat st;
  fstat(fd, &st);
  int64_t there = st.st_size - offset;
  if (there < 0) there = 0;
  if (there > length) there = length;
  char *record = malloc(sizeof(struct record) + there);
  struct record head = {offset, st.st_size, there};
  memcpy(record, &head, sizeof head);
  if (pread64(fd, record + sizeof head, there, offset) != there) abort();
  if (write(log, record, sizeof head + there) != (ssize_t)(sizeof head + there)) abort();
  free(record);
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset) {
  int log = journal(fd);
  if (log < 0) return real_pwrite(fd, data, length, offset);
  pthread_mutex_lock(&lock);
  note(fd, log, offset, length);
  ssize_t done = real_pwrite(fd, data, length, offset);
  pthread_mutex_unlock(&lock);
  close(log);
  return done;
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) {
  return pwrite64(fd, data, length, offset);
}

int ftruncate64(int fd, off64_t size) {
  int log = journal(fd);
  if (log < 0) return real_ftruncate(fd, size);
  pthread_mutex_lock(&lock);
  struct stat st;
  fstat(fd, &st);
  if (st.st_size > size) note(fd, log, size, st.st_size - size);
  int done = real_ftruncate(fd, size);
  pthread_mutex_unlock(&lock);
  close(log);
  return done;
}

int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

static int synced(int fd, int (*sync)(int)) {
  int log = journal(fd);
  if (log < 0) return sync(fd);
  pthread_mutex_lock(&lock);
  int done = sync(fd);
  if (done == 0 && real_ftruncate(log, 0)) abort();
  pthread_mutex_unlock(&lock);
  close(log);
  return done;
}

int fsync(int fd) { return synced(fd, real_fsync); }
int fdatasync(int fd) { return synced(fd, real_fdatasync); }
