using System.Runtime.InteropServices;

namespace Sgl.Gpu.Tests.Support;

/// <summary>The stand-in for the CUDA runtime (tests/gpu/standin): what it counted, and how many cards it shows.</summary>
internal static partial class Standin
{
    private const string Library = "libcudart.so.13";

    /// <summary>Why these tests cannot run here; null where they can.</summary>
    public static string? Missing { get; } = Look();

    /// <summary>Skips the test, visibly, where there is no stand-in.</summary>
    /// <param name="cards">Cards to show.</param>
    /// <param name="gib">Memory of each.</param>
    public static void Require(int cards = 1, long gib = 80)
    {
        Skip.If(Missing is not null, Missing);
        NativeCards(cards, gib);
    }

    /// <summary>Forgets what was counted, peaks too.</summary>
    public static void Reset() => NativeReset();

    /// <summary>From now on every kernel takes so long on its card, and whoever waits for the card waits for its kernels; zero: they take no time.</summary>
    public static void Pace(TimeSpan kernel) => NativePace((long)kernel.TotalNanoseconds);

    /// <summary>When a card had kernels to run since the last reset, in nanoseconds; with a pace only.</summary>
    public static IReadOnlyList<(long From, long To)> BusyTimes(int card)
    {
        const int Most = 1 << 16;
        var times = new long[2 * Most];
        var count = NativeBusy(card, times, Most);
        return [.. Enumerable.Range(0, count).Select(i => (times[2 * i], times[(2 * i) + 1]))];
    }

    /// <summary>The next asynchronous copy to or from a card fails.</summary>
    public static void FailNext(int card) => NativeFail(card);

    /// <summary>Captured graphs that are there.</summary>
    public static int LiveGraphs => NativeGraphs();

    /// <summary>What was counted since.</summary>
    public static Counts Of(int card)
    {
        _ = NativeCounts(card, out var counts);
        return counts;
    }

    /// <summary>Writes the counts to standard error; with STANDIN_KERNELS=1 kernels and sizes too.</summary>
    public static void Print(string label) => NativePrint(label);

    private static string? Look()
    {
        if (!NativeLibrary.TryLoad(Library, out var library))
        {
            return "no CUDA runtime here: tests/gpu/run makes a stand-in for it and runs these tests";
        }

        return NativeLibrary.TryGetExport(library, "standin_counts", out _) ? null : "a real CUDA runtime: these tests count with the stand-in of tests/gpu/run";
    }

    [LibraryImport(Library, EntryPoint = "standin_counts")]
    private static partial int NativeCounts(int device, out Counts counts);

    [LibraryImport(Library, EntryPoint = "standin_reset")]
    private static partial void NativeReset();

    [LibraryImport(Library, EntryPoint = "standin_cards")]
    private static partial void NativeCards(int count, long gib);

    [LibraryImport(Library, EntryPoint = "standin_pace")]
    private static partial void NativePace(long nanoseconds);

    [LibraryImport(Library, EntryPoint = "standin_busy")]
    private static partial int NativeBusy(int device, [In, Out] long[] times, int most);

    [LibraryImport(Library, EntryPoint = "standin_graphs")]
    private static partial int NativeGraphs();

    [LibraryImport(Library, EntryPoint = "standin_fail")]
    private static partial void NativeFail(int device);

    [LibraryImport(Library, EntryPoint = "standin_print", StringMarshalling = StringMarshalling.Utf8)]
    private static partial void NativePrint(string label);
}

/// <summary>Counts of one card, in the order of the stand-in's own structure.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct Counts(
    long ToDevice, long ToHost, long OnDevice, long StreamSyncs, long DeviceSyncs, long EventSyncs, long Allocations, long Launches, long Products, long Graphs,
    long BytesToDevice, long BytesToHost, long BytesOnDevice, long Used, long Peak)
{
    /// <summary>Times that the processor waited for the card.</summary>
    public long Syncs => StreamSyncs + DeviceSyncs + EventSyncs;

    /// <summary>Copies between the card and the system.</summary>
    public long Copies => ToDevice + ToHost;
}
