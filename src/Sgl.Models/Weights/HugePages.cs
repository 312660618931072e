using System.Globalization;
using System.Runtime.InteropServices;

namespace Sgl.Models;

/// <summary>
/// Puts memory that is read again and again on large pages: a processor that streams gigabytes of weights for each token otherwise looks up an address every
/// 4 KiB, and its prefetchers stop there. Linux from 6.1 on; elsewhere nothing happens.
/// </summary>
public static partial class HugePages
{
    private const int Collapse = 25;
    private const long Large = 2 << 20, MostAtOnce = 64 << 20;

    /// <summary>
    /// Joins the pages of anonymous memory of this process, wherever all of a large page is resident already: nothing becomes larger, and what lies in it does
    /// not change. It is copied meanwhile, and other threads go on.
    /// </summary>
    /// <returns>Bytes of the ranges that were joined.</returns>
    public static long JoinResident()
    {
        if (!OperatingSystem.IsLinux())
        {
            return 0;
        }

        long joined = 0;
        try
        {
            foreach (var (first, end) in Anonymous())
            {
                joined += Join((first + Large - 1) / Large * Large, end / Large * Large);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or EntryPointNotFoundException)
        {
            // What cannot be seen or joined stays as it is, which is right too.
        }

        return joined;
    }

    private static long Join(long first, long end)
    {
        var page = Environment.SystemPageSize;
        if (first >= end || Large % page != 0)
        {
            return 0;
        }

        var resident = new byte[(end - first) / page];
        if (Mincore((nint)first, (nuint)(end - first), resident) != 0)
        {
            return 0;
        }

        var perLarge = (int)(Large / page);
        bool IsResident(long at) => !resident.AsSpan((int)((at - first) / page), perLarge).ContainsAnyExcept((byte)1);
        long joined = 0;
        for (var at = first; at < end;)
        {
            // One call for neighbours: each makes all processors empty their lists of pages first.
            var next = at;
            while (next < end && next - at < MostAtOnce && IsResident(next))
            {
                next += Large;
            }

            joined += next > at && Madvise((nint)at, (nuint)(next - at), Collapse) == 0 ? next - at : 0;
            at = Math.Max(next, at + Large);
        }

        return joined;
    }

    /// <summary>Private memory without a file behind it that can be read and written.</summary>
    private static List<(long First, long End)> Anonymous()
    {
        var found = new List<(long, long)>();
        foreach (var line in File.ReadLines("/proc/self/maps"))
        {
            // first-end rw-p offset device inode name
            var words = line.Split(' ', 6, StringSplitOptions.RemoveEmptyEntries);
            if (words.Length < 6 && words[1] == "rw-p" && words[4] == "0")
            {
                var range = words[0].Split('-');
                found.Add((long.Parse(range[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture), long.Parse(range[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture)));
            }
        }

        return found;
    }

    [LibraryImport("libc", EntryPoint = "mincore")]
    private static partial int Mincore(nint address, nuint length, [Out] byte[] resident);

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Madvise(nint address, nuint length, int advice);
}
