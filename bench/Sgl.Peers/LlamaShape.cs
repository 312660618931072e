namespace Sgl.Peers;

/// <summary>Sizes of a decoder, equal to those of bench/Sgl.Bench's targets of the same names.</summary>
internal sealed record LlamaShape(string Architecture, int Layers, int Hidden, int Heads, int KvHeads, int Inner, int Vocabulary)
{
    public static LlamaShape Of(string target) => target switch
    {
        "1b" => new LlamaShape("qwen2", 24, 896, 14, 2, 4864, 151655),
        "2b" => new LlamaShape("llama", 24, 2048, 16, 8, 8192, 92553),
        _ => throw new ArgumentException($"'{target}' is not 1b or 2b", nameof(target)),
    };
}
