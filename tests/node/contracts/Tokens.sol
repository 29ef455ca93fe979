// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// Balances, allowances and the two events; what a kind of token does differently stands in the contracts below.
contract Token {
    event Transfer(address indexed from, address indexed to, uint256 value);
    event Approval(address indexed owner, address indexed spender, uint256 value);

    string public name;
    string public symbol;
    uint8 public decimals;
    uint256 public totalSupply;
    mapping(address => uint256) internal held;
    mapping(address => mapping(address => uint256)) public allowance;

    constructor(string memory symbol_, uint8 decimals_) {
        name = symbol_;
        symbol = symbol_;
        decimals = decimals_;
    }

    function balanceOf(address who) public view virtual returns (uint256) {
        return held[who];
    }

    function mint(address to, uint256 units) external virtual {
        totalSupply += units;
        held[to] += units;
        emit Transfer(address(0), to, units);
    }

    function approve(address spender, uint256 units) external returns (bool) {
        allowance[msg.sender][spender] = units;
        emit Approval(msg.sender, spender, units);
        return true;
    }

    function transfer(address to, uint256 units) external returns (bool) {
        _move(msg.sender, to, units);
        return true;
    }

    function transferFrom(address from, address to, uint256 units) external virtual returns (bool) {
        if (units > 0) {
            require(allowance[from][msg.sender] >= units, "allowance");
            if (allowance[from][msg.sender] != type(uint256).max) allowance[from][msg.sender] -= units;
        }
        _move(from, to, units);
        return true;
    }

    function _move(address from, address to, uint256 units) internal virtual {
        held[from] -= units;
        held[to] += units;
        emit Transfer(from, to, units);
    }
}

/// Two per cent of every transfer go to a collector; two events that add up to what the sender loses.
contract FeeToken is Token {
    address public immutable collector;

    constructor(string memory symbol_, uint8 decimals_, address collector_) Token(symbol_, decimals_) {
        collector = collector_;
    }

    function _move(address from, address to, uint256 units) internal override {
        uint256 fee = units / 50;
        held[from] -= units;
        held[to] += units - fee;
        held[collector] += fee;
        emit Transfer(from, to, units - fee);
        if (fee > 0) emit Transfer(from, collector, fee);
    }
}

/// Two per cent vanish, and the only event says that everything arrived.
contract SilentFeeToken is Token {
    constructor(string memory symbol_, uint8 decimals_) Token(symbol_, decimals_) {}

    function _move(address from, address to, uint256 units) internal override {
        held[from] -= units;
        held[to] += units - units / 50;
        totalSupply -= units / 50;
        emit Transfer(from, to, units);
    }
}

/// Balances grow and shrink by a factor that no Transfer shows.
contract RebaseToken is Token {
    uint256 public factor = 1e18;

    constructor(string memory symbol_, uint8 decimals_) Token(symbol_, decimals_) {}

    function rebase(uint256 factor_) external {
        factor = factor_;
    }

    function balanceOf(address who) public view override returns (uint256) {
        return held[who] * factor / 1e18;
    }

    function _move(address from, address to, uint256 units) internal override {
        uint256 parts = units * 1e18 / factor;
        held[from] -= parts;
        held[to] += parts;
        emit Transfer(from, to, units);
    }
}

/// Says whatever it is asked to say; nobody holds anything.
contract PhonyToken {
    event Transfer(address indexed from, address indexed to, uint256 value);

    string public symbol;
    uint8 public decimals;

    constructor(string memory symbol_, uint8 decimals_) {
        symbol = symbol_;
        decimals = decimals_;
    }

    function balanceOf(address) external pure returns (uint256) {
        return 0;
    }

    function say(address[] calldata from, address[] calldata to, uint256 units) external {
        for (uint256 n = 0; n < from.length; n++) emit Transfer(from[n], to[n], units);
    }
}

/// A stablecoin's powers: issue, redeem, blacklist, destroy what a blacklisted holder has. No Transfer for these.
contract UsdtLike is Token {
    event Issue(uint256 amount);
    event Redeem(uint256 amount);
    event AddedBlackList(address user);
    event DestroyedBlackFunds(address user, uint256 balance);

    address public immutable owner = msg.sender;
    mapping(address => bool) public isBlackListed;

    constructor(string memory symbol_, uint8 decimals_) Token(symbol_, decimals_) {}

    function issue(uint256 units) external {
        require(msg.sender == owner, "owner");
        totalSupply += units;
        held[owner] += units;
        emit Issue(units);
    }

    function redeem(uint256 units) external {
        require(msg.sender == owner, "owner");
        totalSupply -= units;
        held[owner] -= units;
        emit Redeem(units);
    }

    function addBlackList(address who) external {
        require(msg.sender == owner, "owner");
        isBlackListed[who] = true;
        emit AddedBlackList(who);
    }

    function destroyBlackFunds(address who) external {
        require(msg.sender == owner && isBlackListed[who], "not blacklisted");
        uint256 units = held[who];
        held[who] = 0;
        totalSupply -= units;
        emit DestroyedBlackFunds(who, units);
    }

    function _move(address from, address to, uint256 units) internal override {
        require(!isBlackListed[from], "blacklisted");
        super._move(from, to, units);
    }
}

/// One of a kind: the same first topic as a coin's Transfer, but the number of the thing stands in a fourth topic.
contract Nft {
    event Transfer(address indexed from, address indexed to, uint256 indexed tokenId);

    string public symbol = "ART";
    mapping(uint256 => address) public ownerOf;

    function mint(address to, uint256 id) external {
        require(ownerOf[id] == address(0), "taken");
        ownerOf[id] = to;
        emit Transfer(address(0), to, id);
    }

    function transferFrom(address from, address to, uint256 id) external {
        require(ownerOf[id] == from && msg.sender == from, "owner");
        ownerOf[id] = to;
        emit Transfer(from, to, id);
    }
}

/// Transfer without any indexed argument, as a few early contracts wrote it: one topic, everything in the data.
contract PlainEventToken {
    event Transfer(address from, address to, uint256 value);

    string public symbol = "OLD";
    uint8 public decimals = 8;
    mapping(address => uint256) public balanceOf;

    function mint(address to, uint256 units) external {
        balanceOf[to] += units;
    }

    function transfer(address to, uint256 units) external returns (bool) {
        balanceOf[msg.sender] -= units;
        balanceOf[to] += units;
        emit Transfer(msg.sender, to, units);
        return true;
    }
}

contract Coin {
    event Transfer(address indexed from, address indexed to, uint256 value);

    mapping(address => uint256) public balanceOf;

    function mint(address to, uint256 units) external {
        balanceOf[to] += units;
        emit Transfer(address(0), to, units);
    }

    function transfer(address to, uint256 units) external returns (bool) {
        balanceOf[msg.sender] -= units;
        balanceOf[to] += units;
        emit Transfer(msg.sender, to, units);
        return true;
    }
}

contract Bytes32Symbol is Coin {
    bytes32 public constant symbol = "MKR";
    uint256 public constant decimals = 18;
}

contract Decimals0 is Coin {
    string public constant symbol = "SHARE";
    uint8 public constant decimals = 0;
}

contract Decimals255 is Coin {
    string public constant symbol = "BIG";
    uint8 public constant decimals = 255;
}

contract HugeDecimals is Coin {
    string public constant symbol = "HUGE";
    uint256 public constant decimals = type(uint256).max;
}

contract Silent is Coin {
    function symbol() external pure returns (string memory) {
        revert("no symbol");
    }

    function decimals() external pure returns (uint8) {
        revert("no decimals");
    }
}

/// The symbol is text from outside: here, as long as a page and full of what a page or a terminal must not run.
contract HostileSymbol is Coin {
    uint8 public constant decimals = 18;
    string public symbol;

    constructor(string memory symbol_) {
        symbol = symbol_;
    }
}

/// A staking contract whose events are called like a wrapper's, but nothing is wrapped: points, not coins.
contract Points {
    event Deposit(address indexed dst, uint256 wad);
    event Withdrawal(address indexed src, uint256 wad);

    string public constant symbol = "PTS";
    uint8 public constant decimals = 18;

    function balanceOf(address) external pure returns (uint256) {
        return 0;
    }

    function deposit(uint256 points) external {
        emit Deposit(msg.sender, points);
    }
}

/// Wraps and says it twice: Deposit and a Transfer from nowhere, Withdrawal and a Transfer to nowhere.
contract TwiceWrapped {
    event Deposit(address indexed dst, uint256 wad);
    event Withdrawal(address indexed src, uint256 wad);
    event Transfer(address indexed from, address indexed to, uint256 value);

    string public constant symbol = "TWO";
    uint8 public constant decimals = 18;
    mapping(address => uint256) public balanceOf;

    function deposit() external payable {
        balanceOf[msg.sender] += msg.value;
        emit Transfer(address(0), msg.sender, msg.value);
        emit Deposit(msg.sender, msg.value);
    }

    function withdraw(uint256 units) external {
        balanceOf[msg.sender] -= units;
        emit Withdrawal(msg.sender, units);
        emit Transfer(msg.sender, address(0), units);
        (bool done, ) = msg.sender.call{value: units}("");
        require(done, "pay");
    }
}
