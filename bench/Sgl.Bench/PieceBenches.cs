using BenchmarkDotNet.Attributes;
using Sgl.Inference;
using Sgl.Inference.Internal.Decoding;
using Sgl.Models;
using Sgl.TestKit;

namespace Sgl.Bench;

/// <summary>The choice of a token among Qwen2's vocabulary.</summary>
[MemoryDiagnoser]
public class ChoiceBenches
{
    private const int Vocabulary = 151_655;

    private readonly float[] _logits = new float[Vocabulary];
    private TokenChooser? _greedy;
    private TokenChooser? _nucleus;
    private TokenChooser? _whole;

    /// <summary>Makes logits as peaked as a language model's.</summary>
    [GlobalSetup]
    public void Setup()
    {
        var random = new Random(1);
        for (var i = 0; i < _logits.Length; i++)
        {
            _logits[i] = (float)(Math.Pow(random.NextDouble(), 8) * 20);
        }

        TokenChooser Chooser(SamplingOptions options) => new(options with { Seed = 1 }, [2], Vocabulary, Vocabulary);
        _greedy = Chooser(new SamplingOptions());
        _nucleus = Chooser(new SamplingOptions { Temperature = 0.7f, TopP = 0.9f, TopK = 50 });
        _whole = Chooser(new SamplingOptions { Temperature = 1 });
    }

    [Benchmark(Baseline = true)]
    public int Greedy() => _greedy!.Choose(_logits, 5).Id;

    [Benchmark]
    public int TopKAndTopP() => _nucleus!.Choose(_logits, 5).Id;

    [Benchmark]
    public int WholeVocabulary() => _whole!.Choose(_logits, 5).Id;
}

/// <summary>Rounding of weights at load: 1000 rows.</summary>
[MemoryDiagnoser]
public class RoundingBenches
{
    private const int Rows = 1000, Inputs = 2048;

    private readonly float[] _source = new float[Rows * Inputs];
    private readonly float[] _values = new float[Rows * Inputs];
    private readonly sbyte[] _codes = new sbyte[Rows * Inputs];
    private readonly float[] _scales = new float[Rows];

    [GlobalSetup]
    public void Setup()
    {
        var random = new Random(1);
        for (var i = 0; i < _source.Length; i++)
        {
            _source[i] = random.NextSingle() - 0.5f;
        }
    }

    [Benchmark]
    public double Quantize()
    {
        _source.CopyTo(_values, 0);
        return RowWise8.Quantize(_values, Inputs, 127, _codes, _scales).Lost;
    }
}

/// <summary>A generation of 64 tokens by the demo pair's small model: what a token costs in time and managed memory, the prompt's share included.</summary>
[MemoryDiagnoser]
public class TokenBenches
{
    private VlmEngine? _engine;
    private PreparedPrompt? _prompt;

    [Params(1, 65)]
    public int Tokens { get; set; }

    [GlobalSetup]
    public async Task SetupAsync()
    {
        _engine = await VlmEngine.LoadAsync(new EngineOptions { Checkpoint = Repository.Path("models", "sgl-demo-small"), PrefixCacheMiB = 0 });
        _prompt = new PreparedPrompt([1, 5, 6, 7], [], []);
    }

    [GlobalCleanup]
    public async Task CleanupAsync() => await _engine!.DisposeAsync();

    [Benchmark]
    public async Task<int> GenerateAsync()
    {
        var count = 0;
        await foreach (var _ in _engine!.GenerateAsync(_prompt!, Measuring.Tokens(Tokens), CancellationToken.None))
        {
            count++;
        }

        return count;
    }
}
