/* The whole userland of the lab's root disks: it proves that the root file system was mounted and init was started,
 * says what the kernel made of the machine, and powers off. The lines that it prints:
 *   LAB-ROOT                            it runs
 *   LAB-MOUNT device type               what root was mounted from
 *   LAB-DEVICE path bus driver modalias each device that has a modalias ("-" without a driver); path below /sys/devices
 *   LAB-DISK name path                  each whole disk
 *   LAB-MODULE name                     each loaded module
 *   LAB-DONE
 *   gcc -static -Os -o init init.c */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <unistd.h>

static int console = 1;

static void say(const char *format, ...)
{
    char line[4096];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (length > (int)sizeof line - 1) length = sizeof line - 1;
    if (write(console, line, length) < 0) return;
}

/* The first line of a small file; empty if it cannot be read. */
static void first_line(const char *path, char *line, size_t size)
{
    int file = open(path, O_RDONLY);
    ssize_t got = file < 0 ? -1 : read(file, line, size - 1);
    line[got > 0 ? got : 0] = 0;
    line[strcspn(line, "\n")] = 0;
    if (file >= 0) close(file);
}

/* The last part of what a link points to; "-" if there is no such link. */
static const char *link_name(const char *path, char *target, size_t size)
{
    ssize_t got = readlink(path, target, size - 1);
    if (got <= 0) return "-";
    target[got] = 0;
    const char *slash = strrchr(target, '/');
    return slash ? slash + 1 : target;
}

static int device(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    char at[1024], link[1200], driver[600], bus[600], modalias[1024];
    (void)status;
    if (kind != FTW_F || strcmp(path + where->base, "modalias")) return 0;
    snprintf(at, sizeof at, "%.*s", where->base - 1, path);
    first_line(path, modalias, sizeof modalias);
    snprintf(link, sizeof link, "%s/driver", at);
    const char *driven = link_name(link, driver, sizeof driver);
    snprintf(link, sizeof link, "%s/subsystem", at);
    const char *on = link_name(link, bus, sizeof bus);
    /* The processor and the board have long modaliases that no storage or network driver asks for. */
    if (*modalias && strncmp(modalias, "cpu:", 4) && strncmp(modalias, "dmi:", 4))
        say("LAB-DEVICE %s %s %s %s\r\n", at + strlen("/sys/devices/"), on, driven, modalias);
    return 0;
}

static void disks(void)
{
    DIR *folder = opendir("/sys/block");
    struct dirent *entry;
    char path[600], target[1024];
    while (folder && (entry = readdir(folder))) {
        snprintf(path, sizeof path, "/sys/block/%s", entry->d_name);
        ssize_t got = readlink(path, target, sizeof target - 1);
        if (got <= 0) continue;
        target[got] = 0;
        char *at = strstr(target, "devices/");
        if (at && !strstr(at, "/virtual/")) say("LAB-DISK %s %s\r\n", entry->d_name, at + strlen("devices/"));
    }
}

static void lines(const char *path, void (*each)(char *line))
{
    FILE *file = fopen(path, "r");
    char line[4096];
    while (file && fgets(line, sizeof line, file)) each(line);
    if (file) fclose(file);
}

static void mounted(char *line)
{
    char source[1024], where[1024], type[64];
    if (sscanf(line, "%1023s %1023s %63s", source, where, type) == 3 && !strcmp(where, "/"))
        say("LAB-MOUNT %s %s\r\n", source, type);
}

static void module(char *line)
{
    line[strcspn(line, " ")] = 0;
    say("LAB-MODULE %s\r\n", line);
}

int main(void)
{
    mount("proc", "/proc", "proc", 0, 0);
    mount("dev", "/dev", "devtmpfs", 0, 0);
    mount("sys", "/sys", "sysfs", 0, 0);
    console = open("/dev/ttyS0", O_RDWR | O_NOCTTY);
    if (console < 0) console = open("/dev/console", O_RDWR | O_NOCTTY);
    if (console < 0) console = 1;
    say("\r\nLAB-ROOT\r\n");
    lines("/proc/mounts", mounted);
    nftw("/sys/devices", device, 20, FTW_PHYS);
    disks();
    lines("/proc/modules", module);
    say("LAB-DONE\r\n");
    sync();
    usleep(200000);
    reboot(RB_POWER_OFF);
    for (;;) pause();
}
