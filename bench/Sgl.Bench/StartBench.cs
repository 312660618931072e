using System.Globalization;

namespace Sgl.Bench;

/// <summary>Starting: time against one read of the weights, memory against the weights as computed with.</summary>
internal static class StartBench
{
    public static async Task<Section> RunAsync(Subject subject, BenchOptions options)
    {
        var section = new Section(
            "Starting",
            "ready: opened, built, packed, warmed up; read: the files read from the first byte to the last. Cold: both from the disk, warm: both from the system's cache. "
            + "Resident: growth of the process's memory while loading, pages of the mapped files included; goals: 1.3 (cold) and 1.15. Later rounds reuse memory that the first left",
            ["weights", "files", "read, s", "ready, s", "ready / read", "processor, s", "weights, MiB", "resident, MiB", "of that not mapped, MiB", "resident / weights"]);
        foreach (var weights in new[] { "int8", "float32", "int4" })
        {
            var ratios = new Dictionary<bool, List<double>> { [true] = [], [false] = [] };
            for (var round = 0; round < options.Rounds; round++)
            {
                foreach (var cold in new[] { true, false })
                {
                    if (cold)
                    {
                        FileCache.Drop(subject.Folder);
                    }

                    var start = Cost.Now();
                    Read(subject.Folder);
                    var read = (Cost.Now() - start).Wall;
                    if (cold)
                    {
                        FileCache.Drop(subject.Folder);
                    }

                    GC.Collect();
                    var before = Memory();
                    start = Cost.Now();
                    await using var engine = await subject.OwnEngineAsync(weights);
                    var (ready, processor) = Cost.Now() - start;
                    GC.Collect();
                    var after = Memory();
                    var (resident, own) = (after.Resident - before.Resident, after.Anonymous - before.Anonymous);
                    ratios[cold].Add(ready / read);
                    section.Row(
                        engine.Model.Weights.Kind, cold ? "cold" : "warm", $"{read:0.00}", $"{ready:0.00}", $"{ready / read:0.00}", $"{processor:0.00}", $"{engine.Model.Weights.Bytes >> 20}", $"{resident >> 20}",
                        $"{own >> 20}", $"{(double)resident / engine.Model.Weights.Bytes:0.00}");
                    // Memory that the runtime freed and the process kept would make later loads look small.
                    if (round == 0 && cold)
                    {
                        section.Figure($"resident / weights, {weights}", (double)resident / engine.Model.Weights.Bytes);
                    }
                }
            }

            section.Figure($"ready / read, cold, {weights}", Measuring.Median(ratios[true]));
        }

        return section;
    }

    /// <summary>Resident memory, and the part of it that is no mapped file.</summary>
    public static (long Resident, long Anonymous) Memory()
    {
        if (!OperatingSystem.IsLinux())
        {
            return (Environment.WorkingSet, Environment.WorkingSet);
        }

        var status = File.ReadAllLines("/proc/self/status").Select(l => l.Split(':', 2)).ToDictionary(l => l[0], l => l[^1]);
        long Kib(string key) => long.Parse(status[key].Trim().Split(' ')[0], CultureInfo.InvariantCulture) << 10;
        return (Kib("VmRSS"), Kib("RssAnon"));
    }

    private static void Read(string folder)
    {
        var buffer = new byte[1 << 20];
        foreach (var path in Directory.EnumerateFiles(folder, "*.safetensors"))
        {
            using var file = File.OpenHandle(path);
            for (long at = 0; ;)
            {
                var count = RandomAccess.Read(file, buffer, at);
                if (count == 0)
                {
                    break;
                }

                at += count;
            }
        }
    }
}
