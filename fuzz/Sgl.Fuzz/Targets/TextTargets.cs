using System.Text;
using Sgl.Fuzz.Internal;
using Sgl.Text;

namespace Sgl.Fuzz;

/// <summary>Tokenizer files of every kind; what opens must turn text into ids and back.</summary>
internal sealed class TokenizerTarget : IFuzzTarget
{
    private const string Text = "Hello, wörld!  漢字 😀\r\n\t12345 <|im_end|><s></s> x<IMG_CONTEXT>y";
    private readonly Scratch _scratch = new();

    public string Name => "tokenizer";

    public CaseBounds Bounds => new(TimeSpan.FromSeconds(10), 1L << 30);

    public IReadOnlyList<string> Dictionary =>
        ["\"BPE\"", "\"Unigram\"", "\"ByteLevel\"", "\"Split\"", "\"Regex\":\"(a+)+$\"", "\"merges\":[", "\"a b\"", "\"id\":2147483647", "\"id\":-1", "\\ud800", "\"special\":true", "\u00e2\u0096\u0081", "<0x0A>", "null", "[]", "{}"];

    public Task<IReadOnlyList<Seed>> OpenAsync() => Task.FromResult<IReadOnlyList<Seed>>(
    [
        .. Corpus.Files("tests/Sgl.Text.Tests/Data", "*.tokenizer.json").Select(s => s with { Name = $"tokenizer.json/{s.Name}" }),
        .. Corpus.Files("tests/Sgl.Text.Tests/Data", "*.model").Select(s => s with { Name = $"tokenizer.model/{s.Name}" }),
        new("vocab.json/bytes", Encoding.UTF8.GetBytes(Vocabulary)),
        new("merges.txt/bytes", Encoding.UTF8.GetBytes(Merges)),
        new("tokenizer_config.json/llama", Encoding.UTF8.GetBytes(Config("LlamaTokenizer"))),
        new("tokenizer_config.json/qwen2", Encoding.UTF8.GetBytes(Config("Qwen2Tokenizer"))),
        new("added_tokens.json/two", """{"<|im_end|>":300,"<IMG_CONTEXT>":301}"""u8.ToArray()),
    ]);

    public Task<bool> RunAsync(Seed seed, byte[] bytes)
    {
        foreach (var left in Directory.EnumerateFiles(_scratch.Path))
        {
            File.Delete(left);
        }

        var file = seed.Name.Split('/')[0];
        if (file != "tokenizer.json")
        {
            var sentencePiece = file == "tokenizer.model" || seed.Name.EndsWith("llama", StringComparison.Ordinal);
            _scratch.Write("tokenizer_config.json", Encoding.UTF8.GetBytes(Config(sentencePiece ? "LlamaTokenizer" : "Qwen2Tokenizer")));
            if (sentencePiece)
            {
                _scratch.Write("tokenizer.model", File.ReadAllBytes(Corpus.Folder("tests/Sgl.Text.Tests/Data/sp-plain.model")));
            }
            else
            {
                _scratch.Write("vocab.json", Encoding.UTF8.GetBytes(Vocabulary));
                _scratch.Write("merges.txt", Encoding.UTF8.GetBytes(Merges));
            }
        }

        _scratch.Write(file, bytes);
        try
        {
            var tokenizer = TokenizerLoader.Open(_scratch.Path);
            var ids = tokenizer.Encode(Text);
            _ = tokenizer.Decode(ids);
            var stream = new StreamingDetokenizer(tokenizer, ["stop"]);
            foreach (var id in ids)
            {
                _ = stream.Push(id);
            }

            return Task.FromResult(true);
        }
        catch (Exception e) when (e is TokenizerException or TextTooLongException)
        {
            return Task.FromResult(false);
        }
    }

    public ValueTask DisposeAsync()
    {
        _scratch.Dispose();
        return ValueTask.CompletedTask;
    }

    private static string Vocabulary { get; } = "{" + string.Join(',', Enumerable.Range(33, 94).Where(c => c is not ('"' or '\\')).Select((c, i) => $"\"{(char)c}\":{i}")) + ",\"he\":200,\"ll\":201,\"\u0120w\":202,\"\u0120\":203}";

    private static string Merges => "#version: 0.2\nh e\nl l\n\u0120 w\n";

    private static string Config(string className) => $$"""{"tokenizer_class":"{{className}}","add_bos_token":false,"eos_token":"</s>","added_tokens_decoder":{"250":{"content":"<|im_end|>","special":true} } }""";
}

/// <summary>Where folders keep chat templates, in all three places.</summary>
internal sealed class TemplateTarget : IFuzzTarget
{
    private const string Template = "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{% for content in message['content'] %}{% if content['type'] == 'image' %}<image>\n{% endif %}{% endfor %}{% endfor %}<|im_end|>";
    private readonly Scratch _scratch = new();

    public string Name => "template";

    public CaseBounds Bounds => new(TimeSpan.FromSeconds(5), 256L << 20);

    public IReadOnlyList<string> Dictionary => ["{%", "%}", "{{", "}}", "<image>", "\\n", "<|im_start|>", "default", "\"name\":\"default\"", "\\ud800", "[", "]"];

    public Task<IReadOnlyList<Seed>> OpenAsync() => Task.FromResult<IReadOnlyList<Seed>>(
    [
        new("chat_template.jinja", Encoding.UTF8.GetBytes(Template)),
        new("chat_template.json", JsonOf(Template)),
        new("tokenizer_config.json", JsonOf(Template.Replace("\n", " ", StringComparison.Ordinal))),
        new("chat_template.json/list", Encoding.UTF8.GetBytes($"{{\"chat_template\":[{{\"name\":\"default\",\"template\":{System.Text.Json.JsonSerializer.Serialize(Template)}}}]}}")),
    ]);

    public Task<bool> RunAsync(Seed seed, byte[] bytes)
    {
        foreach (var left in Directory.EnumerateFiles(_scratch.Path))
        {
            File.Delete(left);
        }

        _scratch.Write(seed.Name.Split('/')[0], bytes);
        try
        {
            _ = LlavaOneVisionPromptTemplate.DetectFormat(_scratch.Path);
            return Task.FromResult(true);
        }
        catch (TokenizerException)
        {
            return Task.FromResult(false);
        }
    }

    public ValueTask DisposeAsync()
    {
        _scratch.Dispose();
        return ValueTask.CompletedTask;
    }

    private static byte[] JsonOf(string template) => Encoding.UTF8.GetBytes($"{{\"chat_template\":{System.Text.Json.JsonSerializer.Serialize(template)}}}");
}

/// <summary>What people write: any text, in any turn, to ids and back.</summary>
internal sealed class PromptTarget : IFuzzTarget
{
    private ITokenizer _tokenizer = null!;
    private InternVlPromptTemplate _template = null!;

    public string Name => "prompt";

    public CaseBounds Bounds => new(TimeSpan.FromSeconds(10), 512L << 20);

    public IReadOnlyList<string> Dictionary => ["<|im_end|>", "<IMG_CONTEXT>", "<img>", "</img>", "<ref>", "<box>", "\u00ed\u00a0\u0080", "\u00f0\u009f\u0098\u0080", "\u00e2\u0080\u00ae", "\n\n\n", "          "];

    public Task<IReadOnlyList<Seed>> OpenAsync()
    {
        _tokenizer = TokenizerLoader.Open(Corpus.Folder("models/sgl-demo-small"));
        _template = new InternVlPromptTemplate(_tokenizer, "internlm2-chat", null);
        IReadOnlyList<Seed> seeds = [new("question", "What is the code in the red box?"u8.ToArray()), new("mixed", "Hello, wörld!  漢字 😀\r\n\t12345"u8.ToArray()), new("repeated", Encoding.UTF8.GetBytes(new string('a', 300)))];
        return Task.FromResult(seeds);
    }

    public Task<bool> RunAsync(Seed seed, byte[] bytes)
    {
        // As UTF-16 from half of the cases, so that lone surrogates come through.
        var text = bytes.Length % 2 == 0 ? Encoding.UTF8.GetString(bytes) : new string(System.Runtime.InteropServices.MemoryMarshal.Cast<byte, char>(bytes));
        try
        {
            var third = text.Length / 3;
            var prompt = _template.Build(new PromptRequest(
                [
                    new ChatMessage(ChatRole.User, [new ChatPart.Image(0), new ChatPart.Text(text[..third] + "x")]),
                    new ChatMessage(ChatRole.Assistant, [new ChatPart.Text(text[third..(2 * third)])]),
                    new ChatMessage(ChatRole.User, [new ChatPart.Text(text[(2 * third)..] + "?")]),
                ],
                [4]));
            _ = _tokenizer.Decode(prompt.Ids, skipSpecialTokens: false);
            return Task.FromResult(true);
        }
        catch (Exception e) when (e is PromptException or TextTooLongException)
        {
            return Task.FromResult(false);
        }
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
