using System.Runtime.InteropServices;

namespace Sgl.Models;

/// <summary>Tells the system what memory will be needed for. Does nothing where it cannot be told (other systems than Linux).</summary>
public static partial class MemoryPages
{
    private const int Sequential = 2, WillNeed = 3, DontNeed = 4, HugePage = 14;
    private const int MmapThreshold = -3, LargeBlock = 1 << 19;

    /// <summary>
    /// Gives back the physical memory of whole pages in a range. A mapped file is read again when touched, other memory reads as zeros from then on.
    /// </summary>
    /// <param name="pointer">First byte.</param>
    /// <param name="bytes">Length.</param>
    public static void Discard(nint pointer, long bytes) => Advise(pointer, bytes, DontNeed);

    /// <summary>Starts reading the pages of a mapped file.</summary>
    /// <param name="pointer">First byte.</param>
    /// <param name="bytes">Length.</param>
    public static void Prefetch(nint pointer, long bytes) => Advise(pointer, bytes, WillNeed);

    /// <summary>Says that a range of a mapped file will be read once, front to back.</summary>
    /// <param name="pointer">First byte.</param>
    /// <param name="bytes">Length.</param>
    public static void WillReadInOrder(nint pointer, long bytes) => Advise(pointer, bytes, Sequential);

    /// <summary>Asks for large pages where memory is touched for the first time.</summary>
    /// <param name="pointer">First byte.</param>
    /// <param name="bytes">Length.</param>
    public static void PreferLarge(nint pointer, long bytes) => Advise(pointer, bytes, HugePage);

    /// <summary>
    /// Has the C library take blocks of 512 KiB and more straight from the system, for as long as the process lives, so that they go back when they are freed.
    /// By itself it raises that size to 32 MiB, and packed weights lie between holes that stay resident. Does nothing where it has no such call.
    /// </summary>
    public static void ReturnLargeBlocks()
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        try
        {
            _ = MallocOption(MmapThreshold, LargeBlock);
        }
        catch (EntryPointNotFoundException)
        {
            // musl returns them anyway.
        }
    }

    /// <summary>Gives back what the C library keeps of memory that was freed. Does nothing where it has no such call.</summary>
    public static void TrimHeap()
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        try
        {
            _ = MallocTrim(0);
        }
        catch (EntryPointNotFoundException)
        {
            // musl keeps little and has no call for it.
        }
    }

    private static void Advise(nint pointer, long bytes, int advice)
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        long page = Environment.SystemPageSize;
        var first = (pointer + page - 1) / page * page;
        var end = (pointer + bytes) / page * page;
        if (end > first)
        {
            // What cannot be advised stays as it is, which is right too.
            _ = Madvise((nint)first, (nuint)(end - first), advice);
        }
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Madvise(nint address, nuint length, int advice);

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int MallocOption(int option, int value);

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int MallocTrim(nuint keep);
}
