namespace Sgl.EngineBridge;

/// <summary>Whose place a bridge takes.</summary>
public enum BridgeRole
{
    /// <summary>The large service's.</summary>
    Large,

    /// <summary>The small service's: the engine must tell token probabilities (<c>logprobs</c>), from which the exit scores are made.</summary>
    Small,
}

/// <summary>How requests call the field that bounds the answer's tokens.</summary>
public enum TokenLimitField
{
    /// <summary><c>max_tokens</c>, which every engine knows.</summary>
    MaxTokens,

    /// <summary><c>max_completion_tokens</c>, which OpenAI's reasoning models ask for.</summary>
    MaxCompletionTokens,
}

/// <summary>Where requests say the most tiles of a picture (<c>max_dynamic_patch</c> of a budget).</summary>
public enum TileLimitField
{
    /// <summary><c>mm_processor_kwargs.max_dynamic_patch</c>, once for all pictures: vLLM.</summary>
    MmProcessorKwargs,

    /// <summary><c>image_url.max_dynamic_patch</c> of each picture: LMDeploy.</summary>
    ImageUrl,
}

/// <summary>The engine behind the bridge. Configuration section <c>Bridge</c>.</summary>
public sealed class BridgeOptions
{
    /// <summary>Name of the configuration section.</summary>
    public const string SectionName = "Bridge";

    /// <summary>Whose place the bridge takes.</summary>
    /// <value>Default <see cref="BridgeRole.Large"/>.</value>
    public BridgeRole Role { get; set; }

    /// <summary>Base address of the OpenAI-compatible API, e.g. <c>http://vllm:8000/v1</c>. Required.</summary>
    public string Endpoint { get; set; } = "";

    /// <summary>What the engine calls the model. Required.</summary>
    public string Model { get; set; } = "";

    /// <summary>Environment variable that holds the API key, e.g. <c>OPENAI_API_KEY</c>. Excludes <see cref="KeyFile"/>; neither: no key is sent.</summary>
    public string KeyVariable { get; set; } = "";

    /// <summary>File that holds the API key and nothing else. Read again for every request, so that a key may be exchanged.</summary>
    public string KeyFile { get; set; } = "";

    /// <summary>Requests at the engine and on their way there at the same time; further ones are refused with RESOURCE_EXHAUSTED.</summary>
    /// <value>Default 64.</value>
    public int MaxConcurrent { get; set; } = 64;

    /// <summary>Most images of one request.</summary>
    /// <value>Default 16.</value>
    public int MaxImages { get; set; } = 16;

    /// <summary>Most new tokens of one request.</summary>
    /// <value>Default 4096.</value>
    public int MaxNewTokens { get; set; } = 4096;

    /// <summary>What the field is called that bounds them.</summary>
    /// <value>Default <see cref="TokenLimitField.MaxTokens"/>.</value>
    public TokenLimitField TokenLimit { get; set; }

    /// <summary>Where the most tiles of a picture are said, where a policy's budget has them.</summary>
    /// <value>Default <see cref="TileLimitField.MmProcessorKwargs"/>.</value>
    public TileLimitField TileLimit { get; set; }

    /// <summary>Ask for the log-probability of every token (<c>logprobs</c>). A bridge in the place of the small model always does.</summary>
    /// <value>Default false.</value>
    public bool LogProbabilities { get; set; }

    /// <summary>
    /// Ask the engine, beside each question, what its pictures cost, as they came and as they were sent: one token about blank pictures of each new combination of sizes. For measuring; the counts
    /// are <c>visual_token_count</c> and <c>kept_visual_token_count</c> of <c>Usage</c>.
    /// </summary>
    /// <value>Default false.</value>
    public bool MeasureVisualTokens { get; set; }

    /// <summary>Longest wait for a connection.</summary>
    /// <value>Default 5 s.</value>
    public TimeSpan ConnectTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Longest wait for the first event of an answer, retries included.</summary>
    /// <value>Default 2 min.</value>
    public TimeSpan FirstTokenTimeout { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>Longest wait between two events of an answer.</summary>
    /// <value>Default 30 s.</value>
    public TimeSpan TokenTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How often a request is sent again that got no answer, or 429, 502 or 503, before the caller is told. Once an answer has begun nothing is repeated.
    /// </summary>
    /// <value>Default 2.</value>
    public int Retries { get; set; } = 2;

    /// <summary>Pause before the first retry; later ones take longer. Where the engine names a time (<c>Retry-After</c>) that counts.</summary>
    /// <value>Default 0.2 s.</value>
    public TimeSpan RetryDelay { get; set; } = TimeSpan.FromMilliseconds(200);

    /// <summary>Where the engine asks for a longer pause than this, the caller is told at once, with that time.</summary>
    /// <value>Default 2 s.</value>
    public TimeSpan LongestRetryDelay { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>Most bytes of one line of an answer's stream.</summary>
    /// <value>Default 1 MiB.</value>
    public int MaxLineBytes { get; set; } = 1 << 20;

    /// <summary>Most bytes of one answer's stream.</summary>
    /// <value>Default 64 MiB.</value>
    public long MaxAnswerBytes { get; set; } = 64L << 20;

    /// <summary>Whether the engine is asked for its models (<c>GET models</c>) again and again, so that health says whether it serves this one.</summary>
    /// <value>Default true; false for an API that has no such list: the bridge then reports SERVING whatever the engine does.</value>
    public bool Probe { get; set; } = true;

    /// <summary>Pause between two probes.</summary>
    /// <value>Default 5 s.</value>
    public TimeSpan ProbeInterval { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Longest wait for a probe's answer.</summary>
    /// <value>Default 5 s.</value>
    public TimeSpan ProbeTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>The base address with a slash at its end, so that paths are appended.</summary>
    internal Uri BaseAddress => new(Endpoint.EndsWith('/') ? Endpoint : Endpoint + "/");
}
