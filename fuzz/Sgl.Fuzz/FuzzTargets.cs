namespace Sgl.Fuzz;

/// <summary>All targets by name.</summary>
internal static class FuzzTargets
{
    /// <summary>Names in the order in which they run, and how each is made.</summary>
    public static IReadOnlyList<(string Name, Func<IFuzzTarget> Create)> All { get; } =
    [
        .. new[] { "png", "jpg", "webp", "gif", "bmp", "tif" }.Select(f => ($"image-{f}", (Func<IFuzzTarget>)(() => new ImageTarget(f)))),
        ("safetensors", () => new SafetensorsTarget()),
        ("config", () => new ConfigTarget()),
        ("tokenizer", () => new TokenizerTarget()),
        ("template", () => new TemplateTarget()),
        ("prompt", () => new PromptTarget()),
        ("schema", () => new SchemaTarget()),
        ("batch", () => new BatchTarget()),
        ("grpc-body", () => new GrpcTarget(frames: false)),
        ("grpc-frames", () => new GrpcTarget(frames: true)),
        ("http-json", () => new HttpTarget(stream: false)),
        ("sse", () => new HttpTarget(stream: true)),
        ("raw", () => new RawTarget()),
    ];
}
