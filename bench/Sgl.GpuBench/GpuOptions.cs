using Sgl.Inference;

namespace Sgl.GpuBench;

/// <summary>The command line.</summary>
internal sealed record GpuOptions
{
    public const string Usage = """
        usage: Sgl.GpuBench STEP --out FILE [options]
          STEP           correctness, verify, attention, 2b or 26b; see bench/README.md
          --out FILE     JSON; written anew with every result
          --root DIR     the repository: models, samples, golden cases (default: the working folder)
          --cache DIR    where folders of random weights are made (default: the temporary folder)
          --device NAME  default: cuda:0
          --sparse       weights are sparse files of zeros, for runs over the stand-in; what is computed means nothing then
          --rounds N     default: 5
        """;

    private static readonly string[] Steps = ["correctness", "verify", "attention", "2b", "26b"];

    public required string Step { get; init; }

    public string Out { get; private init; } = "";

    public string Root { get; private init; } = Directory.GetCurrentDirectory();

    public string Cache { get; private init; } = Path.Combine(Path.GetTempPath(), "sgl-gpu");

    public string Device { get; private init; } = "cuda:0";

    public bool Sparse { get; private init; }

    public int Rounds { get; private init; } = 5;

    /// <exception cref="ArgumentException">Something is not known.</exception>
    public static GpuOptions Parse(string[] args)
    {
        var words = new Queue<string>(args);
        if (!words.TryDequeue(out var step) || !Steps.Contains(step))
        {
            throw new ArgumentException($"the step must be one of {string.Join(", ", Steps)}");
        }

        var result = new GpuOptions { Step = step };
        while (words.TryDequeue(out var word))
        {
            string Value() => words.TryDequeue(out var value) ? value : throw new ArgumentException($"{word} needs a value");
            result = word switch
            {
                "--out" => result with { Out = Value() },
                "--root" => result with { Root = Value() },
                "--cache" => result with { Cache = Value() },
                "--device" => result with { Device = Value() },
                "--sparse" => result with { Sparse = true },
                "--rounds" => result with { Rounds = int.TryParse(Value(), out var n) && n > 0 ? n : throw new ArgumentException("--rounds must be a positive number") },
                _ => throw new ArgumentException($"{word} is not known"),
            };
        }

        return result.Out.Length == 0 ? throw new ArgumentException("--out must be given")
            : DeviceId.TryParse(result.Device, out _) ? result
            : throw new ArgumentException($"{result.Device} is no device");
    }
}
