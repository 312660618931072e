using System.Diagnostics;
using System.Globalization;
using Sgl.Inference;
using Sgl.TestKit;

namespace Sgl.Bench;

/// <summary>Our engine against llama.cpp and onnxruntime-genai (bench/Sgl.Peers, a process that is asked in turns with ours) on a decoder of the same shape, random weights.</summary>
internal static class PeersBench
{
    /// <summary>The peer that is not llama.cpp, among its precisions.</summary>
    public const string GenAi = "genai";

    public static async Task<Section> RunAsync(Subject subject, BenchOptions options)
    {
        var section = new Section(
            "Against llama.cpp and onnxruntime-genai, on the clock",
            "our time / theirs; goals: decode at most 0.77 of Q8_0 with 8 bits and 0.91 of Q4_0 with 4, prefill at most 0.50 of their best, 8 in a batch at most 0.77 of Q8_0",
            ["peer", "ours", "what", "theirs, ms", "ours, ms", "ours / theirs"]);
        var chosen = await subject.EngineAsync(large: false);
        await using var four = options.Precisions.Any(HasFourBits) ? await subject.OwnEngineAsync("int4") : null;
        var threads = Environment.ProcessorCount;
        foreach (var precision in options.Precisions)
        {
            if (precision == GenAi)
            {
                GenAiFolder.Prepare(subject.Target, subject.Config(large: false), options.Cache);
            }

            // Like is compared with like, and four bits with what is chosen by itself too.
            VlmEngine[] ours = four is not null && HasFourBits(precision) ? [four, chosen] : [chosen];
            using var peer = Peer.Start(subject.Target, precision, options.Cache, threads);
            var prompts = await subject.PromptsAsync(large: false);
            foreach (var (_, prompt) in prompts)
            {
                var rows = prompt.Ids.Length;
                await AddAsync($"prefill of {rows} rows", $"prefill {rows}", async engine => (await Measuring.PhasesAsync(engine, prompt, Measuring.Tokens(1))).Prefill.Wall);
            }

            // Behind the longest prompt only in a full run: all of it is prefilled again in front of each.
            var tokens = Measuring.Tokens(options.Tokens);
            foreach (var (_, prompt) in options.Full ? prompts : prompts.Take(1))
            {
                var rows = prompt.Ids.Length;
                await AddAsync(
                    $"a token behind {rows} rows",
                    $"decode {rows} 1 {options.Tokens - 1}",
                    async engine => (await Measuring.PhasesAsync(engine, prompt, tokens)).Decode.Wall / (options.Tokens - 1));
            }

            // The goal is about Q8_0, and eight prompts take most of the time.
            if (options.Full || precision == "Q8_0")
            {
                var shortest = prompts[0].Prompt;
                await AddAsync(
                    $"a step of 8 sequences behind {shortest.Ids.Length} rows each",
                    $"decode {shortest.Ids.Length} 8 {options.Tokens}",
                    async engine => 8 * (await BatchBench.TogetherAsync(engine, shortest, options.Tokens)).Wall);
            }

            section.Row(Name(precision), "", "resident, MiB", $"{peer.Ask("memory") / (1 << 20):0}", $"{StartBench.Memory().Resident >> 20}", "");

            async Task AddAsync(string what, string question, Func<VlmEngine, Task<double>> measure)
            {
                var s = await Measuring.InterleavedAsync(
                    options.Rounds, [() => Task.FromResult(peer.Ask(question)), .. ours.Select(engine => (Func<Task<double>>)(() => measure(engine)))]);
                foreach (var (engine, times) in ours.Zip(s.Skip(1)))
                {
                    double[] ratios = [.. times.Zip(s[0], (our, their) => our / their)];
                    var kind = engine.Model.Weights.Kind;
                    section.Row(
                        Name(precision), kind, what, $"{Measuring.Median(s[0]) * 1000:0.0}", $"{Measuring.Median(times) * 1000:0.0}",
                        $"**{Measuring.Median(ratios):0.000}** ({ratios.Min():0.00} to {ratios.Max():0.00})");
                    section.Figure($"{kind} / {Name(precision)}: {what}", Measuring.Median(ratios));
                }
            }
        }

        return section;
    }

    /// <summary>One tile through InternViT-300M's tower: ours against llama.cpp's through mtmd.</summary>
    public static async Task<Section> TowerAsync(Subject subject, BenchOptions options)
    {
        var section = new Section(
            "One tile through the vision tower, against llama.cpp's mtmd, on the clock", "our time / theirs; theirs is F16 as its converter writes projectors",
            ["peer", "theirs, ms", "ours, ms", "ours / theirs"]);
        var engine = await subject.EngineAsync(large: false);
        using var peer = Peer.Start(subject.Target, "tower", options.Cache, Environment.ProcessorCount);
        var s = await Measuring.InterleavedAsync(options.Rounds, () => Task.FromResult(peer.Ask("tile")), async () => (await WeightsBench.TileAsync(engine, subject)).Wall);
        var ratios = s[1].Zip(s[0], (ours, theirs) => ours / theirs).ToArray();
        section.Row(
            "llama.cpp mtmd F16", $"{Measuring.Median(s[0]) * 1000:0.0}", $"{Measuring.Median(s[1]) * 1000:0.0}",
            $"**{Measuring.Median(ratios):0.000}** ({ratios.Min():0.00} to {ratios.Max():0.00})");
        section.Figure("ours / llama.cpp mtmd F16: one tile", Measuring.Median(ratios));
        return section;
    }

    /// <summary>Has the peers' files written.</summary>
    public static void Prepare(Subject subject, BenchOptions options)
    {
        var target = subject.Target;
        GenAiFolder.Prepare(target, subject.Config(large: false), options.Cache);
        using var process = Process.Start(new ProcessStartInfo("dotnet", [.. Arguments(target, "prepare", options.Cache, 1)])) ?? throw new InvalidOperationException("dotnet could not be started");
        process.WaitForExit();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"the peer ended with {process.ExitCode}");
        }
    }

    private static bool HasFourBits(string precision) => precision is "Q4_0" or GenAi;

    private static string Name(string precision) => precision == GenAi ? "onnxruntime-genai int4" : $"llama.cpp {precision}";

    private static string[] Arguments(string target, string precision, string cache, int threads) =>
        ["run", "-c", "Release", "--project", Repository.Path("bench", "Sgl.Peers"), "--", target, precision, cache, threads.ToString(CultureInfo.InvariantCulture)];

    /// <summary>The peer's process: a line in, a number out.</summary>
    private sealed class Peer(Process process) : IDisposable
    {
        // mtmd tells every tensor; only what stands in front of an end is of interest.
        private const int LastWords = 20;

        // Of Linux.
        private const int Continue = 18, Stop = 19;

        private readonly Queue<string> _errors = new();
        private int _id;

        public static Peer Start(string target, string precision, string cache, int threads)
        {
            var start = new ProcessStartInfo("dotnet", [.. Arguments(target, precision, cache, threads)])
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            var peer = new Peer(Process.Start(start) ?? throw new InvalidOperationException("dotnet could not be started"));
            peer.CollectErrors();
            string? line;
            do
            {
                line = peer.Read();
                Console.WriteLine($"{precision}: {line}");
            }
            while (!line.StartsWith("ready", StringComparison.Ordinal));
            // The process that was started is the one that starts it.
            peer._id = (int)peer.Answer("process");
            peer.Signal(Stop);
            return peer;
        }

        /// <summary>It runs while it is asked and stands still otherwise: its threads may wait as they like, and take nothing of ours.</summary>
        public double Ask(string question)
        {
            Signal(Continue);
            var answer = Answer(question);
            Signal(Stop);
            return answer;
        }

        public void Dispose()
        {
            Signal(Continue);
            process.StandardInput.Close();
            process.WaitForExit(TimeSpan.FromSeconds(20));
            process.Dispose();
        }

        private double Answer(string question)
        {
            process.StandardInput.WriteLine(question);
            return double.Parse(Read(), CultureInfo.InvariantCulture);
        }

        private void Signal(int signal)
        {
            if (kill(_id, signal) != 0)
            {
                throw new InvalidOperationException($"the peer takes no signal {signal}; has it ended?");
            }
        }

        [System.Runtime.InteropServices.DllImport("libc")]
        [System.Runtime.InteropServices.DefaultDllImportSearchPaths(System.Runtime.InteropServices.DllImportSearchPath.SafeDirectories)]
        private static extern int kill(int process, int signal);

        private void CollectErrors()
        {
            process.ErrorDataReceived += (_, e) =>
            {
                lock (_errors)
                {
                    _errors.Enqueue(e.Data ?? "");
                    if (_errors.Count > LastWords)
                    {
                        _errors.Dequeue();
                    }
                }
            };
            process.BeginErrorReadLine();
        }

        private string Read()
        {
            if (process.StandardOutput.ReadLine() is { } line)
            {
                return line;
            }

            lock (_errors)
            {
                throw new InvalidOperationException($"the peer ended:\n{string.Join('\n', _errors)}");
            }
        }
    }
}
