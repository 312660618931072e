using System.Diagnostics;
using System.Globalization;

namespace Sgl.Fuzz;

/// <summary>A case that broke a rule.</summary>
/// <param name="Target">Of which target.</param>
/// <param name="Number">Number of the case.</param>
/// <param name="Problem">Which rule, in a line.</param>
/// <param name="File">Where the case was written.</param>
internal sealed record Finding(string Target, long Number, string Problem, string File);

/// <summary>Runs the cases of one target until time or number is over.</summary>
/// <param name="target">The target.</param>
/// <param name="seed">Of the whole run.</param>
/// <param name="output">Folder for findings.</param>
internal sealed class FuzzRun(IFuzzTarget target, ulong seed, string output)
{
    private const int MostFindings = 5;

    /// <summary>Runs.</summary>
    /// <param name="time">For how long.</param>
    /// <param name="first">Number of the first case.</param>
    /// <param name="count">Most cases.</param>
    /// <param name="log">Gets what happens.</param>
    /// <returns>What was found, at most a handful, and the cases that were run and accepted.</returns>
    public async Task<(IReadOnlyList<Finding> Findings, long Cases, long Accepted)> RunAsync(TimeSpan time, long first, long count, TextWriter log)
    {
        var corpus = await target.OpenAsync();
        var mutator = new Mutator(corpus, target.Dictionary, seed ^ Hash(target.Name));
        var findings = new List<Finding>();
        var (cases, accepted, started) = (0L, 0L, Stopwatch.GetTimestamp());
        Directory.CreateDirectory(output);
        var current = Path.Combine(output, $"{target.Name}.current");
        while (cases < count && findings.Count < MostFindings && Stopwatch.GetElapsedTime(started) < time)
        {
            var number = first + cases++;
            var (origin, bytes) = mutator.Case(number);

            // A crash of native code leaves no time to say which case it was.
            await File.WriteAllTextAsync(current, string.Create(CultureInfo.InvariantCulture, $"--target {target.Name} --seed {seed} --case {number}\n"));
            var (problem, fine) = await RunOneAsync(origin, bytes);
            accepted += fine ? 1 : 0;
            if (problem is not null)
            {
                var file = Path.Combine(output, string.Create(CultureInfo.InvariantCulture, $"{target.Name}-{seed}-{number}.bin"));
                await File.WriteAllBytesAsync(file, bytes);
                findings.Add(new Finding(target.Name, number, problem, file));
                await log.WriteLineAsync($"FOUND {target.Name}, case {number} of seed {seed}, from {origin.Name}, {bytes.Length} bytes in {file}: {problem}");
            }
        }

        File.Delete(current);
        var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        await log.WriteLineAsync(string.Create(
            CultureInfo.InvariantCulture, $"{target.Name,-16} {corpus.Count,4} seeds, {cases,8} cases, {accepted,7} accepted, {cases / Math.Max(seconds, 1e-3),8:0} a second, {findings.Count} found"));
        return (findings, cases, accepted);
    }

    /// <summary>Runs one case and judges it.</summary>
    internal async Task<(string? Problem, bool Accepted)> RunOneAsync(Seed origin, byte[] bytes)
    {
        using var process = Process.GetCurrentProcess();
        var peak = process.PeakWorkingSet64;
        var allocated = GC.GetTotalAllocatedBytes();
        var started = Stopwatch.GetTimestamp();
        var run = Task.Run(() => target.RunAsync(origin, bytes));
        try
        {
            // Twice the bound: a case that is late is told, one that hangs ends the run.
            var accepted = await run.WaitAsync(2 * target.Bounds.Time);
            var elapsed = Stopwatch.GetElapsedTime(started);
            var heap = GC.GetTotalAllocatedBytes() - allocated;
            process.Refresh();
            var grown = process.PeakWorkingSet64 - peak;
            return elapsed > target.Bounds.Time ? ($"took {elapsed.TotalSeconds:0.0} s, at most {target.Bounds.Time.TotalSeconds:0.0} s", accepted)
                : heap > target.Bounds.Memory ? ($"allocated {heap >> 20} MiB, at most {target.Bounds.Memory >> 20} MiB", accepted)
                : grown > target.Bounds.Memory ? ($"raised the peak of the process by {grown >> 20} MiB, at most {target.Bounds.Memory >> 20} MiB", accepted)
                : (null, accepted);
        }
        catch (TimeoutException)
        {
            return ($"did not end within {2 * target.Bounds.Time.TotalSeconds:0} s", false);
        }
        catch (Exception e)
        {
            return ($"{e.GetType().FullName}: {e.Message.ReplaceLineEndings(" ")} {e.StackTrace?.Split('\n').FirstOrDefault(l => l.Contains("Sgl.", StringComparison.Ordinal))?.Trim()}", false);
        }
    }

    // The same on every run, which string.GetHashCode is not.
    private static ulong Hash(string text) => text.Aggregate(14695981039346656037UL, (hash, c) => (hash ^ c) * 1099511628211);
}
